//! Bodies over real sockets: too long, too slow, without an end, and bombs.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "support/fake.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod fake;

#[path = "support/version_2.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod version_2;

use fake::{FakeTarget, NOW_MS, Rig};
use proto::RequestEncoder;
use router::Config;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use version_2::{Request2, V2, sample};

/// Serves a router of `config` on a free port while `story` runs.
async fn serve<Story: Future<Output = ()>>(
    config: Config,
    story: impl FnOnce(SocketAddr, std::sync::Arc<Rig>) -> Story,
) {
    let rig = std::sync::Arc::new(Rig::with(config, FakeTarget::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::select! {
        served = async { axum::serve(listener, rig.app.routes()).await } => panic!("{served:?}"),
        () = story(address, std::sync::Arc::clone(&rig)) => {}
    }
}

fn config() -> Config {
    Config {
        max_body_bytes: 100_000,
        read_timeout: Duration::from_millis(300),
        memory_timeout: Duration::from_secs(20),
        ..Config::default()
    }
}

fn good() -> Vec<u8> {
    let mut request = RequestEncoder::default();
    request.series([(&b"__name__"[..], &b"up"[..])], [(NOW_MS, 1.0)]);
    snap::raw::Encoder::new().compress_vec(request.body()).unwrap()
}

const HEAD: &str = "POST /api/v1/receive HTTP/1.1\r\nHost: x\r\n";

/// Everything the server says until it closes or is silent for two seconds.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let mut part = [0; 4096];
    while let Ok(Ok(size @ 1..)) = tokio::time::timeout(Duration::from_secs(2), stream.read(&mut part)).await {
        said.extend_from_slice(&part[..size]);
        if said.windows(4).any(|end| end == b"\r\n\r\n") && said.ends_with(b"\n") {
            break;
        }
    }
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_a_byte_is_sent() {
    serve(config(), |address, rig| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("{HEAD}Content-Length: 100001\r\nExpect: 100-continue\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let said = read_all(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
        assert!(said.ends_with("the body is over the limit of 100000 bytes\n"), "{said}");
        assert_eq!(rig.metric(r#"gauntlet_receive_requests_refused_total{reason="body_size"}"#), 1.0);
    })
    .await;
}

#[tokio::test]
async fn who_sends_too_much_still_gets_the_answer() {
    serve(config(), |address, _| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("{HEAD}Content-Length: 20000000\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; 20_000_000]).await.unwrap();
        let said = read_all(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
    })
    .await;
}

#[tokio::test]
async fn chunks_count_against_the_limit() {
    serve(config(), |address, rig| async move {
        for (chunks, code) in [(9, "400"), (10, "413")] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
            for _ in 0..chunks {
                stream.write_all(format!("2710\r\n{}\r\n", "x".repeat(10_000)).as_bytes()).await.unwrap();
            }
            stream.write_all(b"1\r\nx\r\n0\r\n\r\n").await.unwrap();
            let said = read_all(&mut stream).await;
            assert!(said.starts_with(&format!("HTTP/1.1 {code} ")), "{said}");
        }
        assert_eq!(rig.metric("gauntlet_receive_body_bytes"), 0.0);
    })
    .await;
}

#[tokio::test]
async fn a_body_without_an_end_times_out_and_gives_its_memory_back() {
    serve(config(), |address, rig| async move {
        for (framing, start) in [("Transfer-Encoding: chunked", "5\r\nxxxxx\r\n"), ("Content-Length: 50000", "xxxxx")] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(format!("{HEAD}{framing}\r\n\r\n{start}").as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(rig.metric("gauntlet_receive_body_bytes") >= 50_000.0);
            assert_eq!(rig.metric("thanos_receive_pending_write_requests"), 1.0);
            let said = read_all(&mut stream).await;
            assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
            assert!(said.ends_with("the body did not arrive within 0.3 s\n"), "{said}");
            assert_eq!(rig.metric("gauntlet_receive_body_bytes"), 0.0);
            assert_eq!(rig.metric("thanos_receive_pending_write_requests"), 0.0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_trickle_times_out() {
    serve(config(), |address, _| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{HEAD}Content-Length: 500\r\n\r\n").as_bytes()).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let trickle = async {
            while writer.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let mut said = [0; 12];
        tokio::select! {
            read = reader.read_exact(&mut said) => { read.unwrap(); }
            () = trickle => panic!("closed without an answer"),
        }
        assert_eq!(&said, b"HTTP/1.1 408");
    })
    .await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_behind() {
    serve(config(), |address, rig| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{HEAD}Content-Length: 500\r\n\r\nxx").as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(rig.metric("thanos_receive_pending_write_requests"), 1.0);
        drop(stream);
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(rig.metric("thanos_receive_pending_write_requests"), 0.0);
        assert_eq!(rig.metric("gauntlet_receive_body_bytes"), 0.0);
    })
    .await;
}

#[tokio::test]
async fn a_body_longer_than_its_length_is_cut_there() {
    serve(config(), |address, rig| async move {
        let good = good();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{HEAD}Content-Length: {}\r\n\r\n", good.len()).as_bytes()).await.unwrap();
        stream.write_all(&[&good[..], b"\r\n\r\ngarbage\r\n\r\n"].concat()).await.unwrap();
        let said = read_all(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
        assert_eq!(rig.stored().len(), 1);
    })
    .await;
}

/// As many bytes as a snappy block can make of as few: 32 MiB of zeros out of 1.5 MiB.
fn bomb(size: usize) -> Vec<u8> {
    let mut bomb = Vec::new();
    prost::encoding::encode_varint(size as u64, &mut bomb);
    // One literal zero, then copies of 64 bytes from one byte back.
    bomb.extend([0, 0]);
    let mut left = size - 1;
    while left > 0 {
        let part = left.min(64);
        bomb.extend([((part - 1) as u8) << 2 | 2, 1, 0]);
        left -= part;
    }
    bomb
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_wait_for_each_other() {
    let config =
        Config { memory_timeout: Duration::from_secs(60), read_timeout: Duration::from_secs(30), ..Config::default() };
    serve(config, |address, rig| async move {
        let bomb = bomb(32 << 20);
        assert_eq!(snap::raw::Decoder::new().decompress_vec(&bomb).unwrap().len(), 32 << 20);
        let throw = async || {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(format!("{HEAD}Content-Length: {}\r\n\r\n", bomb.len()).as_bytes()).await.unwrap();
            stream.write_all(&bomb).await.unwrap();
            let mut said = [0; 12];
            stream.read_exact(&mut said).await.unwrap();
            String::from_utf8(said.to_vec()).unwrap()
        };
        let watch = async {
            let mut most = 0.0f64;
            loop {
                let taken = rig.metric("gauntlet_receive_decoded_bytes") + rig.metric("gauntlet_receive_body_bytes");
                most = most.max(taken);
                assert!(most <= f64::from(48 << 20), "{most} bytes are taken");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let bombs: Vec<_> = (0..12).map(|_| throw()).collect();
        tokio::select! {
            // Zeros are no protobuf: field number 0.
            all = futures::future::join_all(bombs) => assert!(all.iter().all(|said| said == "HTTP/1.1 400"), "{all:?}"),
            () = watch => {}
        }
    })
    .await;
}

/// A million empty series, whose table would be eight times the body.
#[tokio::test]
async fn a_table_beyond_the_budget_is_refused() {
    let series = [0x0a, 4, 0x0a, 0, 0x12, 0].repeat(1 << 20);
    let body = snap::raw::Encoder::new().compress_vec(&series).unwrap();
    let rig = Rig::with(Config { max_series: None, max_samples: None, ..Config::default() }, FakeTarget::default());
    let reply = rig.send(http::Request::post("/api/v1/receive").body(body.into()).unwrap()).await;
    assert_eq!(reply.status, 413, "{}", reply.text);
    assert!(reply.text.contains("its 1048576 series takes more than 37748736 bytes"), "{}", reply.text);
}

/// A body of 2.0: `series` series, each with a label of its own of `own` bytes, one of `shared` bytes that all have, and as
/// many samples.
fn version_2_body(series: usize, [own, shared, samples]: [usize; 3]) -> Vec<u8> {
    let mut request = Request2::new();
    let shared = "s".repeat(shared);
    let samples: Vec<_> = (0..samples as i64).map(|step| sample(NOW_MS - 1000 + step, 0.1)).collect();
    for number in 0..series {
        let own = format!("{number:0own$}");
        request.series(&[("__name__", "up"), ("own", &own), ("shared", &shared)], &samples);
    }
    request.body()
}

fn post_2(plain: &[u8]) -> http::Request<axum::body::Body> {
    let body = snap::raw::Encoder::new().compress_vec(plain).unwrap();
    http::Request::post("/api/v1/receive").header("content-type", V2).body(body.into()).unwrap()
}

/// Its tables and what its symbols spell are known before they are taken, so it fits.
#[tokio::test]
async fn a_large_body_of_2_0_is_stored() {
    let plain = version_2_body(45_000, [60, 60, 9]);
    assert!((10 << 20..12 << 20).contains(&plain.len()), "{} bytes", plain.len());
    for reads_symbols in [false, true] {
        let rig = Rig::with(Config::default(), FakeTarget::reading_symbols(reads_symbols));
        let reply = rig.send(post_2(&plain)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(rig.stored().len(), 45_000 * 9);
        assert_eq!(rig.metric("gauntlet_receive_decoded_bytes"), 0.0);
    }
}

/// What no repeat can change is no reason to repeat: the body is below every limit, but not with all that comes of it.
#[tokio::test]
async fn a_body_of_2_0_that_never_fits_is_not_to_be_repeated() {
    let plain = version_2_body(45_000, [60, 400, 9]);
    let rig = Rig::new();
    let reply = rig.send(post_2(&plain)).await;
    assert_eq!(reply.status, 413, "{}", reply.text);
    assert!(reply.text.contains("its 45000 series takes more than 37748736 bytes"), "{}", reply.text);
    assert_eq!(rig.metric("gauntlet_receive_decoded_bytes"), 0.0);
    // Where it need not be spelled out, it does.
    let rig = Rig::with(Config::default(), FakeTarget::reading_symbols(true));
    let reply = rig.send(post_2(&plain)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(rig.stored().len(), 45_000 * 9);
}

/// Each takes far more than its size lets expect, and two do not fit beside each other: they wait, and nobody is sent away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_2_0_that_mean_much_wait_for_each_other() {
    let plain = version_2_body(10_000, [10, 2000, 1]);
    assert!(plain.len() < 1 << 20);
    let config = Config { memory_timeout: Duration::from_secs(60), ..Config::default() };
    let rig = Rig::with(config, FakeTarget::default());
    // Each is decoded on a thread of its own.
    let replies = futures::future::join_all((0..8).map(|_| rig.send(post_2(&plain)))).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    assert_eq!(rig.metric("gauntlet_receive_decoded_bytes"), 0.0);
}

/// How many threads beside the one for I/O `story` made work.
fn helpers<Story: Future<Output = ()>>(story: impl FnOnce() -> Story) -> usize {
    let started = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&started);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().on_thread_start(move || _ = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    runtime.build().unwrap().block_on(async { story().await });
    started.load(std::sync::atomic::Ordering::Relaxed)
}

/// The body counts with what its table is guessed to take, a quarter; in 2.0, as soon as it is known to take more, with that.
#[test]
fn large_bodies_are_decoded_on_another_thread() {
    // A field that nobody knows makes up the size.
    let of_size = |bytes: usize| {
        let mut request = RequestEncoder::default();
        request.series([(&b"__name__"[..], &b"up"[..])], [(NOW_MS, 1.0)]);
        let request = request.take();
        let rest = bytes - request.len() - 5;
        let size = [0, 7, 14, 21].map(|shift| (rest >> shift) as u8 & 0x7f | if shift < 21 { 0x80 } else { 0 });
        let plain = [&request[..], &[0x7a], &size, &vec![0; rest]].concat();
        assert_eq!(plain.len(), bytes);
        let body = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        http::Request::post("/api/v1/receive").body(body.into()).unwrap()
    };
    let sent = |request: http::Request<axum::body::Body>, reads_symbols| {
        helpers(|| async move {
            let rig = Rig::with(Config::default(), FakeTarget::reading_symbols(reads_symbols));
            assert_eq!(rig.send(request).await.status, 200);
        })
    };
    const LARGEST: usize = (1 << 20) / 5 * 4;
    assert_eq!([100, LARGEST, LARGEST + 8].map(|bytes| sent(of_size(bytes), false)), [0, 0, 1]);
    // 90 bytes a series, and 48 for its row; 250 more spelled out.
    let of_series = |series| post_2(&version_2_body(series, [30, 200, 1]));
    assert_eq!([1500, 10_000].map(|series| sent(of_series(series), true)), [0, 1]);
    assert_eq!([1500, 10_000].map(|series| sent(of_series(series), false)), [0, 1]);
    assert_eq!([true, false].map(|reads_symbols| sent(of_series(4000), reads_symbols)), [0, 1]);
}
