use super::*;

#[test]
fn an_expression_is_met_by_each_and_one_of_the_ors() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Unicode-3.0"]);
    for (expression, expected) in [
        ("MIT", true),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0", false),
        ("MIT/Apache-2.0", true),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND GPL-3.0", false),
        ("none", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn lists_are_read_out_of_the_file() {
    let text = "[licenses]\nallow = [\n  \"MIT\", # short\n  \"ISC\",\n]\n[bans]\ndeny = [\"x\"]\n";
    assert_eq!(strings_of(text, "allow = ["), BTreeSet::from(["MIT", "ISC"]));
    assert_eq!(strings_of(text, "deny = ["), BTreeSet::from(["x"]));
}
