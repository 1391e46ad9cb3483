use super::*;

fn variable(name: &str) -> Option<String> {
    (name == "KEY").then(|| "secret".to_owned())
}

#[test]
fn variables_are_put_in() {
    let check = |text: &str, want: Result<&str, &str>| {
        let got = expand(text, variable);
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{text}");
    };
    check("key: $(KEY)", Ok("key: secret"));
    check("$(KEY)$(KEY)", Ok("secretsecret"));
    check("$(OTHER)", Err("OTHER"));
    check("$( KEY) $KEY $(KEY", Ok("$( KEY) $KEY $(KEY"));
    check("$($(KEY))", Ok("$(secret)"));
}

#[test]
fn a_document_comes_from_one_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("document");
    std::fs::write(&path, "from a file").unwrap();
    let read = |path: Option<&Path>, inline| content("objstore.config", path, inline);
    assert_eq!(read(Some(&path), None).unwrap().as_deref(), Some("from a file"));
    assert_eq!(read(None, Some("inline")).unwrap().as_deref(), Some("inline"));
    assert_eq!(read(Some(Path::new("")), Some("")).unwrap(), None);
    assert!(matches!(read(Some(&path), Some("inline")), Err(InvalidContent::Both { .. })));
    assert!(matches!(read(Some(&dir.path().join("absent")), None), Err(InvalidContent::Unreadable { .. })));
}
