//! The content coding `snappy` against recorded calls of real peers.

#![allow(clippy::unwrap_used, reason = "test code")]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use serde_json::Value;
use service::{SnappyClientLayer, SnappyLayer};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use tonic::body::Body;
use tower::{Layer, ServiceExt, service_fn};

const LIMIT_BYTES: usize = 1 << 20;

/// The recordings with this compression.
fn recordings(test: &str, compression: &str) -> Vec<Value> {
    let Some(folder) = testkit::golden(test, "wire/grpc-write") else {
        return Vec::new();
    };
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("frames-") && name.ends_with(&format!("-{compression}.json"))
    };
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(wanted);
    let read: Vec<Value> = files.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect();
    assert!(!read.is_empty(), "no recordings with {compression}");
    read
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// A call on the wire: header lines and the bytes of the DATA frames, of one direction.
struct Half {
    headers: Vec<(String, String)>,
    data: Vec<u8>,
}

fn half(frames: &Value) -> Half {
    let frames: Vec<&Value> = frames.as_array().unwrap().iter().filter(|frame| frame["stream"] == 1).collect();
    let headers = frames.iter().find_map(|frame| frame["headers"].as_array()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let data = frames.iter().filter(|frame| frame["type"] == "DATA");
    Half {
        headers: headers.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        data: data.flat_map(|frame| bytes(frame["payload_hex"].as_str().unwrap())).collect(),
    }
}

/// Every call with both halves, and its message when decoded.
fn calls(recording: &Value) -> Vec<(Half, Half, Vec<u8>)> {
    let messages = recording["calls"].as_array().unwrap();
    let of_call = |call: &Value| {
        let connection = &recording["connections"][call["peer"].as_str().unwrap()][0];
        let halves = (half(&connection["client_to_server"]), half(&connection["server_to_client"]));
        (halves.0, halves.1, bytes(call["message_hex"].as_str().unwrap()))
    };
    messages.iter().map(of_call).collect()
}

/// The only message of `framed`, which is not compressed.
fn plain(framed: &[u8]) -> &[u8] {
    let (prefix, message) = framed.split_at(5);
    assert_eq!(prefix, [&[0], u32::try_from(message.len()).unwrap().to_be_bytes().as_slice()].concat());
    message
}

/// What the layer hands to a handler, and then to the client, which is answered with `answer`.
async fn through_server(half: &Half, answer: &'static [u8]) -> (Vec<u8>, Response<Body>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = seen.clone();
    let handler = service_fn(move |request: Request<Body>| {
        let keep = keep.clone();
        async move {
            assert!(request.headers().get("grpc-encoding").is_none());
            let message = request.into_body().collect().await.unwrap().to_bytes();
            keep.lock().extend_from_slice(&message);
            Ok::<_, Infallible>(Response::new(Body::new(Full::new(Bytes::from_static(answer)))))
        }
    });
    let mut request = Request::post("/");
    for (name, value) in half.headers.iter().filter(|(name, _)| !name.starts_with(':')) {
        request = request.header(name, value);
    }
    let request = request.body(Body::new(Full::new(Bytes::from(half.data.clone())))).unwrap();
    let layer = SnappyLayer { message_bytes: LIMIT_BYTES };
    let response = layer.layer(handler).oneshot(request).await.unwrap();
    let seen = seen.lock().clone();
    (seen, response)
}

#[tokio::test]
async fn recorded_requests_are_decoded_and_answered_in_kind() {
    for (compression, answered) in [("snappy", Some("snappy")), ("none", None)] {
        for recording in recordings("service::requests", compression) {
            for (request, recorded, message) in calls(&recording) {
                let (seen, response) = through_server(&request, b"\0\0\0\0\0").await;
                assert_eq!(plain(&seen), message);
                let encoding = response.headers().get("grpc-encoding").map(|value| value.to_str().unwrap());
                assert_eq!(encoding, answered);
                let wanted = recorded.headers.iter().find(|(name, _)| name == "grpc-encoding");
                assert_eq!(encoding, wanted.map(|(_, value)| value.as_str()));
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), recorded.data);
            }
        }
    }
}

#[tokio::test]
async fn our_client_sends_what_was_recorded() {
    for compression in ["snappy", "none"] {
        for recording in recordings("service::client", compression) {
            for (recorded, _, message) in calls(&recording) {
                let sent = Arc::new(Mutex::new(Vec::new()));
                let keep = sent.clone();
                let peer = service_fn(move |request: Request<Body>| {
                    let (keep, encoding) = (keep.clone(), request.headers().get("grpc-encoding").cloned());
                    async move {
                        let data = request.into_body().collect().await.unwrap().to_bytes();
                        keep.lock().push((encoding.map(|value| value.to_str().unwrap().to_owned()), data.to_vec()));
                        Ok::<_, Infallible>(Response::new(Body::empty()))
                    }
                });
                let prefix = u32::try_from(message.len()).unwrap().to_be_bytes();
                let framed = [&[0], prefix.as_slice(), &message].concat();
                let layer = SnappyClientLayer { compress: compression == "snappy", message_bytes: LIMIT_BYTES };
                let request = Request::new(Body::new(Full::new(Bytes::from(framed))));
                layer.layer(peer).oneshot(request).await.unwrap();
                let wanted = recorded.headers.iter().find(|(name, _)| name == "grpc-encoding");
                // Small messages have only one form.
                assert_eq!(*sent.lock(), [(wanted.map(|(_, value)| value.clone()), recorded.data)]);
            }
        }
    }
}
