use super::Escaping::{self, AllowUtf8, Dots, Underscores, Values};

/// As Prometheus 3.14 was seen to answer.
#[test]
fn what_the_header_asks_for() {
    for (accept, want) in [
        ("", Underscores),
        ("*/*", Underscores),
        ("text/plain; escaping=allow-utf-8", AllowUtf8),
        ("text/plain;escaping=dots", Dots),
        ("text/plain; escaping=values", Values),
        ("text/plain; escaping=bogus", Underscores),
        ("text/plain; escaping=\"dots\"", Underscores),
        ("TEXT/PLAIN; ESCAPING=dots", Underscores),
        ("application/json;escaping=values", Values),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2",
            AllowUtf8,
        ),
        ("text/plain;version=0.0.4;q=0.9,text/plain;escaping=values;q=0.5", Underscores),
        ("text/plain;escaping=values;q=0.5,text/plain;q=0.9", Underscores),
        ("text/plain;version=0.0.5;escaping=dots,*/*", Dots),
        ("text/plain;q=x;escaping=dots", Dots),
        ("a/b/c;escaping=dots", Underscores),
        (",;,text/plain;escaping=values", Values),
    ] {
        assert_eq!(Escaping::negotiate(accept), want, "{accept}");
    }
}

/// As Prometheus 3.14 was seen to write.
#[test]
fn names() {
    for (name, utf8, underscores, dots, values) in [
        ("plain_x:y", "plain_x:y", "plain_x:y", "plain_x:y", "plain_x:y"),
        ("1up", "\"1up\"", "_up", "__up", "U___31_up"),
        ("a.b_c", "\"a.b_c\"", "a_b_c", "a_dot_b__c", "U__a_2e_b__c"),
        ("my_é\n_x", "\"my_é\\n_x\"", "my____x", "my________x", "U__my___e9__a___x"),
        ("a\"\\\u{2028}", "\"a\\\"\\\\\u{2028}\"", "a___", "a______", "U__a_22__5c__2028_"),
        ("日本", "\"日本\"", "__", "____", "U___65e5__672c_"),
    ] {
        let escaped = [AllowUtf8, Underscores, Dots, Values].map(|escaping| escaping.escape(name.as_bytes()).0);
        assert_eq!(escaped, [utf8, underscores, dots, values]);
    }
}
