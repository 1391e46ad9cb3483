use super::{Config, InvalidConfig, Provider};

fn check(yaml: &str, want: Result<(&str, &str), &str>) {
    let got = Config::parse(yaml).map(|config| (config.name(), config.prefix)).map_err(|error| error.to_string());
    match (got, want) {
        (Ok((name, prefix)), Ok(want)) => assert_eq!((name.as_str(), prefix.as_str()), want, "{yaml}"),
        (Err(error), Err(want)) => assert!(error.contains(want), "{yaml}\n{error}"),
        (got, want) => panic!("{yaml}\n{got:?}, not {want:?}"),
    }
}

#[test]
fn prefixes_lose_their_slashes_and_stay_inside() {
    check("{type: FILESYSTEM, config: {directory: d}, prefix: /a/b/}", Ok(("fs: d", "a/b")));
    check("{type: FILESYSTEM, config: {directory: d}, prefix: /}", Ok(("fs: d", "")));
    check("{type: FILESYSTEM, config: {directory: d}, prefix: ../b}", Err("prefix"));
    check("{type: FILESYSTEM, config: {directory: d}, prefix: a/./b}", Err("prefix"));
    check("{type: FILESYSTEM, config: {directory: d}, prefix: a//b}", Err("prefix"));
}

#[test]
fn what_is_named_and_left_empty_is_zero() {
    check("type: FILESYSTEM\nprefix:\nconfig:\n  directory: d\n", Ok(("fs: d", "")));
    check("type: FILESYSTEM\nconfig:\n", Err("missing directory"));
    check("type: S3\nconfig:\n  bucket: b\n  endpoint: e\n  region:\n  http_config:\n  sse_config:\n", Ok(("b", "")));
    check("type: S3\nconfig:\n  bucket:\n  endpoint: e\n", Err("no bucket"));
}

#[test]
fn numbers_are_texts_where_texts_are_wanted() {
    check("{type: S3, config: {bucket: 12, endpoint: e, access_key: 1, secret_key: 2}}", Ok(("12", "")));
}

#[test]
fn what_cannot_be_had_is_refused_by_name() {
    let s3 = |keys: &str| format!("{{type: S3, config: {{bucket: b, endpoint: e, {keys}}}}}");
    check(&s3("signature_version2: true"), Err("signature_version2"));
    check(&s3("list_objects_version: v1"), Err("list_objects_version"));
    check(&s3("disable_multipart: true"), Err("disable_multipart"));
    check(&s3("http_config: {tls_config: {server_name: n}}"), Err("server_name"));
    check(
        &s3("sse_config: {type: SSE-KMS, kms_key_id: k, kms_encryption_context: {a: b}}"),
        Err("kms_encryption_context"),
    );
    check("{type: S3, config: {bucket: b, endpoint: 'u:p@e'}}", Err("endpoint"));
    check("{type: gcs, config: {bucket: b}}", Err("not supported yet"));
}

#[test]
fn long_texts_are_not_parsed() {
    let yaml = format!("type: S3 #{}", "x".repeat(1 << 20));
    assert!(matches!(Config::parse(&yaml), Err(InvalidConfig::TooLong(_))));
}

#[test]
fn secrets_are_not_shown() {
    let yaml = "{type: S3, config: {bucket: b, endpoint: e, access_key: a, secret_key: hidden, session_token: hidden}}";
    let config = Config::parse(yaml).unwrap();
    assert!(!format!("{config:?}").contains("hidden"));
    let Provider::S3(s3) = config.provider else { panic!("{config:?}") };
    assert!(!serde_json::to_string(&s3).unwrap().contains("hidden"));
    assert_eq!(s3.secret_key.0, "hidden");
}
