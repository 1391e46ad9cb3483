//! `config/objstore.jsonl`: what is accepted, and which values are read.

use bucket::{Config, InvalidConfig, Metrics, Provider, S3Fault};
use model::SystemClock;
use serde_json::Value;
use std::sync::Arc;
use testkit::golden;

/// How one recorded text fared.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Equal,
    /// A type that is not spoken yet.
    NotYet,
    /// Refused here for a reason that the docs name.
    Stricter(&'static str),
}

#[test]
fn texts_are_accepted_as_thanos_does() {
    let Some(path) = golden("bucket::texts_are_accepted_as_thanos_does", "config/objstore.jsonl") else { return };
    let (mut equal, mut not_yet, mut stricter) = (0, 0, Vec::new());
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        match judge(&case) {
            Verdict::Equal => equal += 1,
            Verdict::NotYet => not_yet += 1,
            Verdict::Stricter(why) => stricter.push(why),
        }
    }
    eprintln!("objstore.jsonl: {equal} equal, {not_yet} of types not spoken yet, stricter: {stricter:?}");
    assert!(equal > 0, "nothing was compared");
}

fn judge(case: &Value) -> Verdict {
    let yaml = case["yaml"].as_str().unwrap();
    let is_accepted = case.get("error").is_none();
    let parsed = match Config::parse(yaml) {
        Ok(config) => config,
        Err(InvalidConfig::NotYet(_)) => return Verdict::NotYet,
        Err(InvalidConfig::S3(S3Fault::NoBucket)) if is_accepted => return Verdict::Stricter("an empty bucket"),
        Err(InvalidConfig::S3(S3Fault::SignatureV2)) if is_accepted => return Verdict::Stricter("signature_version2"),
        Err(InvalidConfig::S3(S3Fault::ListV1)) if is_accepted => return Verdict::Stricter("list_objects_version v1"),
        Err(InvalidConfig::S3(S3Fault::KmsContext)) if is_accepted => {
            return Verdict::Stricter("kms_encryption_context");
        }
        Err(error) => {
            assert!(!is_accepted, "Thanos accepts it: {yaml}\n{error}");
            return Verdict::Equal;
        }
    };
    // What Thanos finds when it opens the files that are named, so do we; a directory need not be made for that.
    let opened = match &parsed.provider {
        Provider::Filesystem { .. } => Ok(parsed.name()),
        Provider::S3(_) => bucket::open(&parsed, &Metrics::default(), Arc::new(SystemClock))
            .map(|bucket| bucket.name().to_owned())
            .map_err(|error| error.to_string()),
    };
    assert_eq!(opened.is_ok(), is_accepted, "{yaml}\n{opened:?}\n{case}");
    if let Ok(name) = opened {
        assert_eq!(name, case["bucket_name"].as_str().unwrap(), "{yaml}");
    }
    if let (Some(recorded), Provider::S3(s3)) = (case.get("parsed"), &parsed.provider) {
        let mut recorded = recorded.clone();
        for (key, secret) in [("secret_key", &s3.secret_key), ("session_token", &s3.session_token)] {
            assert_eq!(recorded[key].as_str(), Some(secret.0.as_str()), "{yaml}");
            recorded[key] = if secret.0.is_empty() { "" } else { "<secret>" }.into();
        }
        assert_eq!(serde_json::to_value(s3).unwrap(), recorded, "{yaml}");
    }
    if let (Some(recorded), Provider::Filesystem { directory }) = (case.get("parsed"), &parsed.provider) {
        assert_eq!(directory.to_str(), recorded["directory"].as_str(), "{yaml}");
    }
    Verdict::Equal
}
