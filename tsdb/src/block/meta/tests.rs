use super::{BlockFile, Meta, Thanos};
use std::path::Path;

const NAME: &str = "01KDVDNA0092PGJH2H9E9K2MY0";

fn decode(text: &str) -> Result<Meta, String> {
    let path = Path::new("/data").join(NAME).join("meta.json");
    Meta::decode(text.as_bytes(), &path).map_err(|error| error.to_string())
}

/// A sound file, with one thing replaced.
fn with(from: &str, to: &str) -> String {
    let sound = format!(
        r#"{{"ulid":"{NAME}","minTime":-5,"maxTime":7,"stats":{{"numSamples":3,"future":1}},"compaction":{{"level":1,
        "sources":["{NAME}"],"why":"x"}},"version":1,"thanos":{{"labels":{{"a":"b"}},"downsample":{{"resolution":0}},
        "source":"receive","files":[{{"rel_path":"chunks/000001","size_bytes":9,"hash":{{"hashFunc":"SHA256","value":"ab"}}}}],
        "upload_time":"0001-01-01T00:00:00Z","index_stats":{{}}}},"delayed":[1,2]}}"#
    );
    assert!(sound.contains(from));
    sound.replace(from, to)
}

#[track_caller]
fn check_refused(text: &str, want: &str) {
    let error = decode(text).unwrap_err();
    assert!(error.contains(want), "{error}");
}

#[test]
fn fields_nobody_knows_are_kept() {
    let text = with("", "");
    let meta = decode(&text).unwrap();
    assert_eq!((meta.min_ms, meta.max_ms, meta.stats.num_samples), (-5, 7, 3));
    let want: serde_json::Value = serde_json::from_str(&text).unwrap();
    let got: serde_json::Value = serde_json::from_slice(&meta.encode()).unwrap();
    assert_eq!(got, want);
}

#[test]
fn files_that_say_what_cannot_be_are_refused() {
    check_refused("", "EOF");
    check_refused(&with(r#""version":1"#, r#""version":2"#), "version 2 is not known");
    check_refused(&with(r#""minTime":-5"#, r#""minTime":8"#), "runs backwards");
    check_refused(&with(r#""minTime":-5,"#, ""), "minTime");
    check_refused(&with(r#""numSamples":3"#, r#""numSamples":-3"#), "-3");
    check_refused(&with("{\"ulid\":\"01KDVDNA0092PGJH2H9E9K2MY0", "{\"ulid\":\"01KDVDNA0092PGJH2H9E9K2MY1"), "MY1");
    for path in ["../x", "/etc/passwd", "chunks/../../x", "", "."] {
        check_refused(&with("chunks/000001", path), "is not in the block");
    }
    check_refused(&with(r#""labels":{"#, r#""version":2,"labels":{"#), "version 2 of the thanos section");
    check_refused(&with(r#""upload_time":"0001-01-01T00:00:00Z""#, r#""upload_time":"""#), "RFC 3339");
    check_refused(&with("[1,2]", &"[".repeat(200)), "recursion limit");
    check_refused(&" ".repeat(17 << 20), "at most 16777216 are read");
}

#[test]
fn thanos_fields_are_written_as_thanos_writes_them() {
    let mut meta = decode(&with("", "")).unwrap();
    let file = |rel_path: &str, size_bytes| BlockFile { rel_path: rel_path.into(), size_bytes, ..BlockFile::default() };
    meta.thanos = Some(Thanos {
        version: 1,
        labels: [("tenant_id".into(), "t".into())].into(),
        source: "receive".into(),
        files: vec![file("index", 5), file("meta.json", 0)],
        ..Thanos::default()
    });
    meta.other.clear();
    let text = String::from_utf8(meta.encode()).unwrap();
    let want = "\t\"thanos\": {\n\t\t\"version\": 1,\n\t\t\"labels\": {\n\t\t\t\"tenant_id\": \"t\"\n\t\t},\n\t\t\"downsample\": \
                {\n\t\t\t\"resolution\": 0\n\t\t},\n\t\t\"source\": \"receive\",\n\t\t\"files\": [\n\t\t\t{\n\t\t\t\t\
                \"rel_path\": \"index\",\n\t\t\t\t\"size_bytes\": 5\n\t\t\t},\n\t\t\t{\n\t\t\t\t\"rel_path\": \
                \"meta.json\"\n\t\t\t}\n\t\t],\n\t\t\"index_stats\": {},\n\t\t\"upload_time\": \
                \"0001-01-01T00:00:00Z\"\n\t}\n}\n";
    assert!(text.contains(want), "{text}");
}
