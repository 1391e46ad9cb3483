use super::{HttpLimits, HttpServer};
use crate::Stop;
use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telemetry::{Format, Registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(20);

/// A server on a free port of this machine.
struct Served {
    address: SocketAddr,
    stop: Stop,
    registry: Registry,
    tasks: JoinSet<()>,
}

async fn serve(limits: HttpLimits, app: Router) -> Served {
    let registry = Registry::default();
    let server = HttpServer::bind("127.0.0.1:0", limits, &registry).await.unwrap();
    let (address, stop) = (server.address(), Stop::new());
    let (told, mut tasks) = (stop.clone(), JoinSet::new());
    tasks.spawn(async move { server.serve(app, told).await.unwrap() });
    Served { address, stop, registry, tasks }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `text` on a new connection and reads until the server closes it.
    async fn exchange(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        read_all(&mut stream).await
    }

    fn metric(&self, name: &str) -> String {
        let text = String::from_utf8(self.registry.encode(Format::Text).unwrap()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    }

    async fn stopped(mut self) {
        self.stop.cancel();
        while let Some(joined) = self.tasks.join_next().await {
            joined.unwrap();
        }
    }
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is reset is one that is closed.
    let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the server keeps it open");
    String::from_utf8_lossy(&answer).into_owned()
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello")).route("/echo", post(async |body: String| body))
}

#[tokio::test]
async fn one_port_speaks_both_versions() {
    let served = serve(HttpLimits::default(), hello()).await;
    let answer = served.exchange("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"), "{answer}");

    let stream = TokioIo::new(served.connect().await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = http::Request::get("http://a/").body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
}

#[tokio::test]
async fn a_slow_first_request_is_cut_off_however_it_trickles() {
    let served = serve(HttpLimits { header_time: SHORT, ..HttpLimits::default() }, hello()).await;
    // Nothing at all; half of what tells HTTP/2; half a head.
    for start in ["", "PRI * HT", "GET / HTTP/1.1\r\nhost: a\r\nx-slow: "] {
        let mut stream = served.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let began = Instant::now();
        let (mut reader, mut writer) = stream.split();
        let mut answer = Vec::new();
        let trickle = async {
            // A byte now and then must not help; one that would complete anything is never sent.
            while !start.is_empty() && writer.write_all(if start.ends_with(' ') { b"y" } else { b"" }).await.is_ok() {
                tokio::time::sleep(SHORT / 8).await;
            }
            std::future::pending::<()>().await
        };
        tokio::select! {
            _ = tokio::time::timeout(LONG, reader.read_to_end(&mut answer)) => {}
            () = trickle => {}
        }
        assert!(began.elapsed() < LONG / 2, "{start:?} kept the connection for {:?}", began.elapsed());
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{start:?}");
    }
    assert_ne!(served.metric("gauntlet_http_connection_timeouts_total"), "0");
}

#[tokio::test]
async fn a_slow_second_request_is_cut_off() {
    let served = serve(HttpLimits { header_time: SHORT, ..HttpLimits::default() }, hello()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let began = Instant::now();
    let mut answer = [0; 1024];
    assert!(stream.read(&mut answer).await.unwrap() > 0);
    // A byte now and then must not help.
    stream.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
    while stream.write_all(b"y").await.is_ok() {
        tokio::time::sleep(SHORT / 8).await;
        assert!(began.elapsed() < LONG / 2, "still open");
    }
}

#[tokio::test]
async fn a_request_may_take_longer_than_its_head() {
    let app = Router::new().route(
        "/",
        get(async || {
            tokio::time::sleep(SHORT * 3).await;
            "done"
        }),
    );
    let served = serve(HttpLimits { header_time: SHORT, ..HttpLimits::default() }, app).await;
    let answer = served.exchange("GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("done"), "{answer}");
}

#[tokio::test]
async fn a_body_that_stands_still_is_cut_off() {
    let served = serve(HttpLimits { idle_time: SHORT, ..HttpLimits::default() }, hello()).await;
    let began = Instant::now();
    let answer = served.exchange("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert!(began.elapsed() >= SHORT && !answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let big = Router::new().route("/", get(async || vec![b'x'; 64 << 20]));
    let served = serve(HttpLimits { idle_time: SHORT, ..HttpLimits::default() }, big).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let began = Instant::now();
    while served.metric("gauntlet_http_connections") != "1" || began.elapsed() < SHORT {
        tokio::time::sleep(SHORT / 10).await;
    }
    while served.metric("gauntlet_http_connections") != "0" {
        assert!(began.elapsed() < LONG, "still open");
        tokio::time::sleep(SHORT / 10).await;
    }
}

#[tokio::test]
async fn large_heads_are_refused() {
    let served = serve(HttpLimits { header_bytes: 8 << 10, headers: 10, ..HttpLimits::default() }, hello()).await;
    let value = "v".repeat(20 << 10);
    let large = served.exchange(&format!("GET / HTTP/1.1\r\nhost: a\r\nx: {value}\r\n\r\n")).await;
    assert!(large.is_empty() || large.starts_with("HTTP/1.1 431"), "{large}");
    let many: String = (0..20).map(|number| format!("x-{number}: v\r\n")).collect();
    let many = served.exchange(&format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n")).await;
    assert!(many.starts_with("HTTP/1.1 431"), "{many}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let served = serve(HttpLimits { connections: 1, ..HttpLimits::default() }, hello()).await;
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let first = served.connect().await;
    let second = served.exchange(request);
    tokio::pin!(second);
    assert!(tokio::time::timeout(SHORT, &mut second).await.is_err(), "answered beyond the limit");
    drop(first);
    assert!(second.await.ends_with("hello"));
}

#[tokio::test]
async fn stopping_lets_requests_end_and_closes_the_rest() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, goes) = (begun.clone(), go.clone());
    let app = Router::new().route(
        "/",
        get(async move || {
            begins.notify_one();
            goes.notified().await;
            "finished"
        }),
    );
    let served = serve(HttpLimits::default(), app).await;
    let address = served.address;
    let mut idle = served.connect().await;
    let mut busy = served.connect().await;
    busy.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    begun.notified().await;
    let stop = served.stop.clone();
    let stopped = served.stopped();
    tokio::pin!(stopped);
    assert!(tokio::time::timeout(SHORT, &mut stopped).await.is_err(), "a request is in flight");
    assert!(stop.is_cancelled());
    assert!(TcpStream::connect(address).await.is_err(), "the listener is closed");
    assert_eq!(read_all(&mut idle).await, "");
    go.notify_one();
    let (answer, ()) = tokio::join!(read_all(&mut busy), stopped);
    assert!(answer.ends_with("finished"), "{answer}");
}

#[tokio::test]
async fn stopping_drops_what_does_not_end() {
    let app = Router::new().route("/", get(async || std::future::pending::<()>().await));
    let served = serve(HttpLimits { grace: SHORT, ..HttpLimits::default() }, app).await;
    let mut stuck = served.connect().await;
    stuck.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(SHORT).await;
    let began = Instant::now();
    served.stopped().await;
    assert!(began.elapsed() >= SHORT && began.elapsed() < LONG);
    assert_eq!(read_all(&mut stuck).await, "");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let served = serve(HttpLimits::default(), hello()).await;
    let taken = served.address.to_string();
    let err = HttpServer::bind(&taken, HttpLimits::default(), &Registry::default()).await.unwrap_err();
    assert_eq!(err.source.kind(), std::io::ErrorKind::AddrInUse);
    assert!(err.to_string().starts_with(&format!("cannot listen on {taken}: ")), "{err}");
}

#[tokio::test]
async fn an_empty_host_is_every_address() {
    let server = HttpServer::bind(":0", HttpLimits::default(), &Registry::default()).await.unwrap();
    assert!(server.address().ip().is_unspecified());
    assert!(TcpStream::connect(("127.0.0.1", server.address().port())).await.is_ok());
}
