//! Times by a layout of Go: what Monday, 2 January 2006, 15:04:05 would look like.

use jiff::civil::DateTime;

/// What layouts name, of those that begin alike the longest first; and how `strftime` says it. What is of a zone says UTC.
const PARTS: [(&str, &str); 34] = [
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "UTC"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("002", "%j"),
    ("15", "%H"),
    ("1", "%-m"),
    ("2006", "%Y"),
    ("2", "%-d"),
    ("__2", "%_j"),
    ("_2006", "_%Y"),
    ("_2", "%e"),
    ("3", "%-I"),
    ("4", "%-M"),
    ("5", "%-S"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("-07:00:00", "+00:00:00"),
    ("-070000", "+000000"),
    ("-07:00", "+00:00"),
    ("-0700", "+0000"),
    ("-07", "+00"),
    ("Z07:00:00", "Z"),
    ("Z070000", "Z"),
    ("Z07:00", "Z"),
    ("Z0700", "Z"),
    ("Z07", "Z"),
];

/// The time `at`, in UTC, in the form of `layout`.
pub(super) fn format(at: DateTime, layout: &str) -> String {
    let (mut text, mut rest) = (String::new(), layout);
    while let Some(first) = rest.chars().next() {
        if let Some((part, said)) = PARTS.into_iter().find(|(part, _)| begins(rest, part)) {
            text += &if said.contains('%') { at.strftime(said).to_string() } else { said.to_owned() };
            rest = rest.get(part.len()..).unwrap_or_default();
        } else if let Some(digits) = fraction(rest) {
            text += &fraction_text(at, first, digits);
            rest = rest.get(1 + digits.len()..).unwrap_or_default();
        } else {
            text.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    text
}

/// Whether the layout goes on with `part`. `Jan` in `January` is found before; in `Janus` it is none.
fn begins(rest: &str, part: &str) -> bool {
    let Some(behind) = rest.strip_prefix(part) else { return false };
    let may_be_word = matches!(part, "Jan" | "Mon");
    !(may_be_word && behind.starts_with(|next: char| next.is_ascii_lowercase()))
}

/// The zeros or nines of a fraction of a second that `rest` begins with, behind its point or comma.
fn fraction(rest: &str) -> Option<&str> {
    let digits = rest.strip_prefix(['.', ','])?;
    let kind = digits.chars().next().filter(|first| matches!(first, '0' | '9'))?;
    let behind = digits.trim_start_matches(kind);
    let is_number = behind.starts_with(|next: char| next.is_ascii_digit());
    (!is_number).then(|| digits.get(..digits.len() - behind.len())).flatten()
}

/// As many digits, up to nine; where they are nines none that are zeros at the end.
fn fraction_text(at: DateTime, point: char, digits: &str) -> String {
    let all = format!("{:09}", at.subsec_nanosecond());
    let shown = all.get(..digits.len().min(9)).unwrap_or_default();
    match digits.starts_with('9') {
        true if shown.bytes().all(|digit| digit == b'0') => String::new(),
        true => format!("{point}{}", shown.trim_end_matches('0')),
        false => format!("{point}{shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[track_caller]
    fn check(layout: &str, want: &str) {
        let at = date(2024, 2, 9).at(7, 3, 5, 120_000_000);
        assert_eq!(format(at, layout), want, "{layout}");
    }

    #[test]
    fn layouts_say_what_the_reference_time_would_look_like() {
        check("2006-01-02T15:04:05Z07:00", "2024-02-09T07:03:05Z");
        check("Mon Jan _2 15:04:05 2006", "Fri Feb  9 07:03:05 2024");
        check("Monday, 02-Jan-06 15:04:05 MST", "Friday, 09-Feb-24 07:03:05 UTC");
        check("Mon, 02 Jan 2006 15:04:05 -0700", "Fri, 09 Feb 2024 07:03:05 +0000");
        check("3:04PM, 03:4:5 pm", "7:03AM, 07:3:5 am");
        check("January 2 1 002 __2 _2006", "February 9 2 040  40 _2024");
        check("05.000 05,999 .9999999999 .00 .0000000000", "05.120 05,12 .12 .12 .120000000");
        check("-07:00:00 -070000 -07:00 -07 Z070000 Z0700 Z07 Z07:00:00", "+00:00:00 +000000 +00:00 +00 Z Z Z Z");
        check("Janus Mondays Mont 20060102 .5 .09 é", "Janus Fridays Mont 20240209 .5 .09 é");
    }

    #[test]
    fn years_of_other_centuries_have_two_digits_as_well() {
        for (year, want) in [(1677, "77 1677"), (1968, "68 1968"), (2069, "69 2069"), (2262, "62 2262")] {
            assert_eq!(format(date(year, 1, 1).at(0, 0, 0, 0), "06 2006"), want);
        }
    }
}
