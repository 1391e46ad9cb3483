use super::*;

#[test]
fn names_in_paths() {
    for (path, expected) in [
        ("job", "job"),
        ("label.dot", "label.dot"),
        ("U__job", "job"),
        ("U__host_20_name", "host name"),
        ("U__label_2e_dot", "label.dot"),
        ("U__host__20__name", "host_20_name"),
        ("U__", ""),
        ("U__host_20", "U__host_20"),
        ("U__a_zz_", "U__a_zz_"),
        ("U__a_d800_", "U__a_d800_"),
    ] {
        assert_eq!(unescape_name(path), expected, "{path}");
    }
}

#[test]
fn names_that_cannot_be() {
    for (path, expected) in [("%ff", "invalid label name: \"\\xff\""), ("U__", "invalid label name: \"\"")] {
        assert_eq!(name_in(&format!("/api/v1/label/{path}/values")).unwrap_err().to_string(), expected);
    }
    assert_eq!(name_in("/api/v1/label/a+b%20c/values").unwrap(), "a+b c");
}
