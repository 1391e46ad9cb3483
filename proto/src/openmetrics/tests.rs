use super::Reader;
use model::PackedBuilder;

/// Reads a text: a line a sample, then `end` or the fault.
fn read(text: &str) -> String {
    let (mut reader, mut labels, mut read) = (Reader::new(text.as_bytes()), PackedBuilder::default(), String::new());
    loop {
        match reader.next(&mut labels) {
            Ok(Some(sample)) => {
                let set = labels.finish().expect("labels");
                read += &format!("{set:?} {} {}\n", sample.value, sample.timestamp_ms);
            }
            Ok(None) => return read + "end",
            Err(fault) => return read + &fault.to_string(),
        }
    }
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(read(text), want, "{text}");
}

#[test]
fn samples_in_all_their_forms() {
    check(
        "# HELP http_requests The requests.\n# TYPE http_requests counter\n# UNIT x seconds\n\
         http_requests_total{code=\"200\",path=\"/\"} 1027 1395066363\n\
         a:b 1e-3 0.5\n\
         {\"with space\",\"lä bel\"=\"v\"} +Inf -1.5\n\
         up{} NaN 1700006400.021\n\
         x{job=\"a\",} 2 3 # {trace_id=\"KOO\"} 0.67 1.5\n\
         # EOF\n",
        "{__name__=\"http_requests_total\", code=\"200\", path=\"/\"} 1027 1395066363000\n\
         {__name__=\"a:b\"} 0.001 500\n\
         {__name__=\"with space\", lä bel=\"v\"} inf -1500\n\
         {__name__=\"up\"} NaN 1700006400021\n\
         {__name__=\"x\", job=\"a\"} 2 3000\n\
         end",
    );
}

#[test]
fn escapes_mean_what_they_say() {
    check("a{b=\"1\\n2\\\"3\\\\4\\d\"} 1 1\n# EOF", "{__name__=\"a\", b=\"1\\n2\\\"3\\\\4\\\\d\"} 1 1000\nend");
}

#[test]
fn what_is_not_there_is_told_with_its_line() {
    check("a 1 1\n", "{__name__=\"a\"} 1 1000\nthe text ends without # EOF, after line 1: a part of it may be missing");
    check("", "the text ends without # EOF, after line 0: a part of it may be missing");
    check("# TYPE a gauge\na 1\n# EOF\n", "line 2: sample of a has no timestamp");
    check("a{b=\"c\"}\n# EOF\n", "line 1: no value behind a");
    check("# EOF\na 1 1\n", "line 2: text goes on behind # EOF");
}

#[test]
fn what_is_no_sample_is_refused() {
    for (line, want) in [
        ("a one 1", "\"one\" is no number"),
        ("a 1 now", "\"now\" is no timestamp"),
        ("a 1 1 1", "\"1\" behind the timestamp"),
        ("a 1 1e300", "timestamp 1e300 is out of range"),
        ("a 1 NaN", "timestamp NaN is out of range"),
        ("1a 1 1", "a metric's name cannot begin as 1a does"),
        ("a{b=c} 1 1", "a label's value belongs in double quotes"),
        ("a{b=\"c} 1 1", "a string without a closing quote"),
        ("a{b=\"c\" 1 1", "labels without a closing brace"),
        ("a{b=\"c\",b=\"d\"} 1 1", "label name \"b\" occurs more than once"),
        ("a{\"b\"} 1 1", "the metric has two names"),
        ("{} 1 1", "a sample of no series"),
        ("", "a sample of no series"),
        ("# a comment", "# a comment is none of # TYPE, # HELP, # UNIT and # EOF"),
        ("a 1 1 # nothing", "an exemplar is labels in braces, a value and perhaps a timestamp"),
    ] {
        check(&format!("{line}\n# EOF\n"), &format!("line 1: {want}"));
    }
    let mut reader = Reader::new(b"a{b=\"\xff\"} 1 1\n# EOF\n".as_slice());
    let refused = reader.next(&mut PackedBuilder::default()).expect_err("no UTF-8");
    assert_eq!(refused.to_string(), "line 1: bytes are not UTF-8");
}
