use super::super::fixture::Fixture;
use super::*;
use axum::body::Body;
use http::HeaderName;
use parking_lot::Mutex;

/// Writes down what it is asked for, and answers as it is told.
#[derive(Debug)]
struct Storage {
    asked: Mutex<Vec<String>>,
    answer: Result<(), AdminError>,
}

impl AdminStorage for Storage {
    fn delete<'a>(
        &'a self,
        tenant: &'a TenantId,
        selectors: Vec<Arc<[Matcher]>>,
        range: TimeRange,
    ) -> AdminFuture<'a, Option<Durable>> {
        let matchers: usize = selectors.iter().map(|matchers| matchers.len()).sum();
        let (selectors, min_ms, max_ms) = (selectors.len(), range.min_ms(), range.max_ms());
        self.asked.lock().push(format!("{tenant}: {selectors} selectors, {matchers} matchers, {min_ms} to {max_ms}"));
        let answer = self.answer.clone().map(|()| None);
        Box::pin(async move { answer })
    }

    fn clean_tombstones<'a>(&'a self, tenant: &'a TenantId) -> AdminFuture<'a, ()> {
        self.asked.lock().push(format!("{tenant}: clean"));
        let answer = self.answer.clone();
        Box::pin(async move { answer })
    }

    fn snapshot<'a>(&'a self, tenant: &'a TenantId, skip_head: bool) -> AdminFuture<'a, String> {
        self.asked.lock().push(format!("{tenant}: snapshot, {skip_head}"));
        let answer = self.answer.clone().map(|()| "20261126T091500Z-0123456789abcdef".to_owned());
        Box::pin(async move { answer })
    }
}

struct Asked {
    status: u16,
    body: String,
    storage: Vec<String>,
}

/// Asks with the admin API switched on, which answers so, or off.
async fn ask(answer: Option<Result<(), AdminError>>, request: http::request::Builder, body: &str) -> Asked {
    let on = answer.is_some();
    let storage = Arc::new(Storage { asked: Mutex::default(), answer: answer.unwrap_or(Ok(())) });
    let whose =
        Whose { tenant_header: HeaderName::from_static("x-whose"), default_tenant: TenantId::parse("nobody").unwrap() };
    let admin = Admin { storage: storage.clone(), whose };
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(Body::from(body.to_owned()));
    let switch = |api: Api| if on { api.with_admin(admin) } else { api };
    let (status, body) = Fixture::default().ask_with(request.unwrap(), switch).await;
    let storage = storage.asked.lock().clone();
    Asked { status, body, storage }
}

fn request(method: &str, rest: &str) -> http::request::Builder {
    http::Request::builder().method(method).uri(format!("/api/v1/admin/tsdb/{rest}"))
}

#[tokio::test]
async fn who_did_not_switch_it_on_is_told_as_by_prometheus() {
    for rest in ["delete_series?match[]=up", "delete_series", "clean_tombstones", "snapshot"] {
        let Asked { status, body, .. } = ask(None, request("POST", rest), "").await;
        let disabled = r#"{"status":"error","errorType":"unavailable","error":"admin APIs disabled"}"#;
        assert_eq!((status, body.as_str()), (500, disabled), "{rest}");
    }
    assert_eq!(ask(None, request("GET", "delete_series"), "").await.status, 405);
}

#[tokio::test]
async fn what_is_deleted_is_what_was_asked_for() {
    for (request, body, want) in [
        (
            request("POST", "delete_series?match[]=up"),
            "",
            "nobody: 1 selectors, 1 matchers, -2305843009213693952 to 2305843009213693951",
        ),
        (
            request("PUT", "delete_series?match[]=up&start=1"),
            "match[]=%7Ba%3D%22b%22,c=%22d%22%7D&end=2.5",
            "nobody: 2 selectors, 3 matchers, 1000 to 2500",
        ),
        (
            request("POST", "delete_series?match[]=%7B%7D&start=0&end=0").header("x-whose", "a"),
            "",
            "a: 1 selectors, 0 matchers, 0 to 0",
        ),
        (
            request("POST", "delete_series?match[]=up&start=0&end=0").header("THANOS-TENANT", "b"),
            "",
            "b: 1 selectors, 1 matchers, 0 to 0",
        ),
        (request("POST", "clean_tombstones").header("x-whose", ""), "", "nobody: clean"),
    ] {
        let asked = ask(Some(Ok(())), request, body).await;
        assert_eq!((asked.status, asked.body.as_str()), (204, ""));
        assert_eq!(asked.storage, [want]);
    }
    // Prometheus finds nothing to do there, either.
    let backwards = ask(Some(Ok(())), request("POST", "delete_series?match[]=up&start=2&end=1"), "").await;
    assert_eq!((backwards.status, backwards.storage.len()), (204, 0));
}

#[tokio::test]
async fn a_snapshot_is_called_by_its_name() {
    let head = |skipped: bool| format!("nobody: snapshot, {skipped}");
    for (rest, body, want) in [
        ("snapshot", "", head(false)),
        ("snapshot?skip_head=", "", head(false)),
        ("snapshot?skip_head=true", "", head(true)),
        ("snapshot", "skip_head=T", head(true)),
        ("snapshot?skip_head=0", "", head(false)),
    ] {
        let asked = ask(Some(Ok(())), request("POST", rest), body).await;
        let name = r#"{"status":"success","data":{"name":"20261126T091500Z-0123456789abcdef"}}"#;
        assert_eq!((asked.status, asked.body.as_str(), &asked.storage[..]), (200, name, &[want][..]), "{rest}");
    }
    let asked = ask(Some(Ok(())), request("PUT", "snapshot?skip_head=yes"), "").await;
    let invalid = r#"invalid parameter \"skip_head\": strconv.ParseBool: parsing \"yes\": invalid syntax"#;
    assert!(asked.status == 400 && asked.body.contains(invalid) && asked.storage.is_empty(), "{}", asked.body);
}

#[tokio::test]
async fn what_makes_no_sense_deletes_nothing() {
    for (rest, tenant, want) in [
        ("delete_series?start=x", "a", "no match[] parameter provided"),
        ("delete_series?match[]=up&start=x", "a", "invalid parameter \\\"start\\\""),
        ("delete_series?match[]=up&match[]=up)", "a", "invalid parameter \\\"match[]\\\""),
        ("delete_series?match[]=up", "a/b", "tenant name not valid"),
    ] {
        let asked = ask(Some(Ok(())), request("POST", rest).header("x-whose", tenant), "").await;
        assert_eq!((asked.status, asked.storage.len()), (400, 0), "{rest}");
        assert!(asked.body.contains(want), "{}", asked.body);
    }
}

#[tokio::test]
async fn what_went_wrong_is_told() {
    let text = || "why".to_owned();
    for (error, want) in [
        (AdminError::Unavailable(text()), (503, "unavailable")),
        (AdminError::Refused(text()), (422, "execution")),
        (AdminError::Failed(text()), (500, "internal")),
    ] {
        let asked = ask(Some(Err(error)), request("POST", "delete_series?match[]=up"), "").await;
        assert_eq!(asked.status, want.0);
        let body = format!(r#"{{"status":"error","errorType":"{}","error":"why"}}"#, want.1);
        assert_eq!(asked.body, body);
    }
}
