use super::*;
use http_body_util::BodyExt;

async fn text(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_success_carries_data_and_notes() {
    let plain = Answer { data: b"[]".to_vec(), ..Answer::default() };
    assert_eq!(text(plain.into_response()).await, (200, r#"{"status":"success","data":[]}"#.to_owned()));
    let notes = |count: usize| (0..count).map(|at| at.to_string()).collect();
    let noted = Answer { data: b"1".to_vec(), warnings: notes(2), infos: notes(1), ..Answer::default() };
    let expected = r#"{"status":"success","data":1,"warnings":["0","1"],"infos":["0"]}"#;
    assert_eq!(text(noted.into_response()).await.1, expected);
}

/// The data is handed on where it lies: of a large answer nothing is copied, and its size is still told.
#[tokio::test]
async fn data_is_not_copied() {
    let data = vec![b' '; 1 << 20];
    let place = data.as_ptr();
    let mut body = Answer { data, ..Answer::default() }.into_response().into_body();
    let around = r#"{"status":"success","data":}"#.len() as u64;
    assert_eq!(http_body::Body::size_hint(&body).exact(), Some((1 << 20) + around));
    let mut places = Vec::new();
    while let Some(frame) = body.frame().await {
        places.push(frame.unwrap().into_data().unwrap().as_ptr());
    }
    assert_eq!((places.len(), places[1]), (3, place));
}

#[tokio::test]
async fn an_error_has_its_code() {
    for (error, status, kind) in [
        (ApiError::parameter("time", "<x>"), 400, "bad_data"),
        (ApiError::Execution(String::new()), 422, "execution"),
        (ApiError::Timeout(String::new()), 503, "timeout"),
        (ApiError::Canceled(String::new()), 503, "canceled"),
        (ApiError::Unavailable(String::new()), 503, "unavailable"),
        (ApiError::Internal(String::new()), 500, "internal"),
    ] {
        let (found, body) = text(error.into_response()).await;
        assert_eq!(found, status);
        assert!(body.contains(&format!(r#""errorType":"{kind}""#)), "{body}");
    }
    let (_, body) = text(ApiError::parameter("time", "<x>").into_response()).await;
    assert_eq!(
        body,
        r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": \u003cx\u003e"}"#
    );
}

#[tokio::test]
async fn what_is_missing_is_said_once_and_not_kept() {
    let missing = vec!["store a".to_owned(), "store a".to_owned()];
    let partial = Answer { data: b"1".to_vec(), missing, warnings: vec!["odd".to_owned()], ..Answer::default() };
    let response = partial.into_response();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(text(response).await.1, r#"{"status":"success","data":1,"warnings":["store a","odd"]}"#);
    assert!(Answer::default().into_response().headers().get("cache-control").is_none());
    assert_eq!(ApiError::Timeout(String::new()).into_response().headers()["cache-control"], "no-store");
}
