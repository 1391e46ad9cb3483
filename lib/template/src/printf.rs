//! Go's `printf`, for what templates have.

use super::number::{exponential, fixed, general_from};
use super::value::{Value, float_text};

/// No text is padded to more than this, and no number has more digits.
const MAX_WIDTH: usize = 1 << 16;

/// How one argument is to be printed.
#[derive(Debug, Default, Clone, Copy)]
struct Spec {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// The text of `format` with `args` in it, at most about `most` bytes. What does not fit together is said in it, as Go does.
pub(super) fn printf(format: &str, args: &[Value], most: usize) -> String {
    let (mut out, mut rest, mut next) = (String::new(), format, 0);
    let mut is_reordered = false;
    while let Some(at) = rest.find('%') {
        out += &rest[..at];
        rest = &rest[at + 1..];
        let spec = read_spec(&mut rest, args, &mut next, &mut out);
        if let Some((number, after)) = rest.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
            // Where it is no number of an argument, none is there.
            next = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).unwrap_or(args.len());
            (rest, is_reordered) = (after, true);
        }
        let Some(verb) = rest.chars().next() else {
            return out + "%!(NOVERB)";
        };
        rest = &rest[verb.len_utf8()..];
        if verb == '%' {
            out.push('%');
        } else if let Some(arg) = args.get(next) {
            next += 1;
            out += &one(arg, verb, spec, most);
        } else {
            out += &format!("%!{verb}(MISSING)");
        }
        if out.len() > most {
            return out;
        }
    }
    out += rest;
    if next < args.len() && !is_reordered {
        let extra = |arg: &Value| format!("{}={}", arg.type_name(), arg.print(most));
        let extra: Vec<_> = args[next..].iter().map(extra).collect();
        out += &format!("%!(EXTRA {})", extra.join(", "));
    }
    out
}

fn read_spec(rest: &mut &str, args: &[Value], next: &mut usize, out: &mut String) -> Spec {
    let mut spec = Spec::default();
    loop {
        match rest.chars().next() {
            Some('+') => spec.plus = true,
            Some('-') => (spec.minus, spec.zero) = (true, false),
            Some('#') => spec.sharp = true,
            Some(' ') => spec.space = true,
            Some('0') => spec.zero = !spec.minus,
            _ => break,
        }
        *rest = &rest[1..];
    }
    spec.width = read_size(rest, args, next).unwrap_or_else(|| {
        out.push_str("%!(BADWIDTH)");
        None
    });
    if let Some(after) = rest.strip_prefix('.') {
        *rest = after;
        spec.precision = match read_size(rest, args, next) {
            Some(precision) => Some(precision.unwrap_or(0)),
            None => {
                out.push_str("%!(BADPREC)");
                None
            }
        };
    }
    spec
}

/// Digits, or a star for the next argument; `None`: such a size cannot be.
fn read_size(rest: &mut &str, args: &[Value], next: &mut usize) -> Option<Option<usize>> {
    if let Some(after) = rest.strip_prefix('*') {
        *rest = after;
        *next += 1;
        return match args.get(*next - 1) {
            Some(Value::Whole(size)) => usize::try_from(*size).ok().filter(|size| *size <= MAX_WIDTH).map(Some),
            _ => None,
        };
    }
    let digits = rest.len() - rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let (size, after) = rest.split_at(digits);
    *rest = after;
    if digits == 0 { Some(None) } else { size.parse().ok().filter(|size| *size <= MAX_WIDTH).map(Some) }
}

fn one(arg: &Value, verb: char, spec: Spec, most: usize) -> String {
    let wrong = || format!("%!{verb}({}={})", arg.type_name(), arg.print(most));
    let text = match (verb, arg) {
        ('T', _) => arg.type_name().to_owned(),
        (_, Value::Nothing) if verb == 'v' => "<nil>".to_owned(),
        (_, Value::Nothing) => return format!("%!{verb}(<nil>)"),
        ('v' | 'g' | 'G' | 'e' | 'E' | 'f' | 'F', Value::Float(value)) => return number(*value, verb, spec),
        ('v' | 'd' | 'x' | 'X' | 'o' | 'b' | 'c' | 'q' | 'U', Value::Whole(value)) => return whole(*value, verb, spec),
        ('v' | 't', Value::Bool(value)) => value.to_string(),
        ('v', Value::Text(text)) if spec.sharp => format!("{text:?}"),
        ('q', Value::Text(text)) if spec.sharp && !text.contains('`') => format!("`{text}`"),
        ('q', Value::Text(text)) => format!("{:?}", cut(text, spec)),
        ('x' | 'X', Value::Text(text)) => {
            let hex = |byte: u8| if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") };
            text.bytes().take(most).map(hex).collect()
        }
        ('v' | 's', Value::Text(text)) => cut(text, spec).to_owned(),
        ('v' | 's', Value::Histogram(_) | Value::Time(_) | Value::Duration(_)) => arg.print(most),
        ('v', _) => arg.print(most),
        _ => return wrong(),
    };
    pad(text, spec, ' ')
}

/// At most as many characters as wanted.
fn cut(text: &str, spec: Spec) -> &str {
    let end = spec.precision.and_then(|most| text.char_indices().nth(most));
    end.map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

fn number(value: f64, verb: char, spec: Spec) -> String {
    let text = match (verb, spec.precision) {
        ('v', None) => float_text(value),
        ('g' | 'G', None) => float_text(value),
        ('v' | 'g' | 'G', Some(digits)) => general_from(value, digits, spec.sharp),
        ('e' | 'E', places) => exponential(value, places.unwrap_or(6)),
        (_, places) => fixed(value, places.unwrap_or(6)),
    };
    let text = if verb.is_ascii_uppercase() && verb != 'F' && value.is_finite() { text.to_uppercase() } else { text };
    let filler = if spec.zero && value.is_finite() { '0' } else { ' ' };
    pad(signed(text, spec), spec, filler)
}

fn signed(text: String, spec: Spec) -> String {
    match text.as_bytes().first() {
        Some(b'-') => text,
        Some(b'+') if spec.plus => text,
        Some(b'+') => text,
        _ if spec.plus => format!("+{text}"),
        _ if spec.space => format!(" {text}"),
        _ => text,
    }
}

fn whole(value: i64, verb: char, spec: Spec) -> String {
    let char = || u32::try_from(value).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    let size = value.unsigned_abs();
    let digits = match verb {
        'c' => return pad(char().to_string(), spec, ' '),
        'q' => return pad(format!("{:?}", char()), spec, ' '),
        'U' => return pad(format!("U+{value:04X}"), spec, ' '),
        'x' => format!("{}{size:x}", if spec.sharp { "0x" } else { "" }),
        'X' => format!("{}{size:X}", if spec.sharp { "0X" } else { "" }),
        'o' => format!("{}{size:o}", if spec.sharp { "0" } else { "" }),
        'b' => format!("{}{size:b}", if spec.sharp { "0b" } else { "" }),
        _ => size.to_string(),
    };
    let least = spec.precision.unwrap_or(0);
    let sign = if value < 0 { "-" } else { "" };
    let filler = if spec.zero && spec.precision.is_none() { '0' } else { ' ' };
    pad(signed(format!("{sign}{digits:0>least$}"), spec), spec, filler)
}

/// Made as wide as wanted. Zeros stand behind a sign.
fn pad(text: String, spec: Spec, filler: char) -> String {
    let missing = spec.width.unwrap_or(0).saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    let fill = |filler: char| std::iter::repeat_n(filler, missing).collect::<String>();
    match filler {
        _ if spec.minus => text + &fill(' '),
        '0' => {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+', ' '])));
            format!("{sign}{}{digits}", fill('0'))
        }
        _ => fill(filler) + &text,
    }
}
