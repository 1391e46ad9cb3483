//! One of the program's servers as a process.

use crate::process::{Ended, Process};
use crate::remote_write::{Series, body};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long it may take to become ready.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);

/// How one is started.
#[derive(Debug)]
pub struct Launch {
    command: Command,
    /// Where it will answer; `None`: on a free port, which it tells.
    http: Option<String>,
    write: Option<String>,
}

/// One that listens.
#[derive(Debug)]
pub struct Server {
    pub process: Process,
    base: String,
    /// Where remote write goes, if not there, too.
    write_base: Option<String>,
    client: Client,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|err| panic!("{err}: {self:?}"))
    }

    /// One header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Launch {
    /// One more argument. The address is any free port of this machine unless an argument says otherwise.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<str>) -> Self {
        self.command.arg(arg.as_ref());
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Server {
        let standalone = self.listen().await;
        standalone.ready().await;
        standalone
    }

    /// Starts it and waits until it listens; it may still be opening what it has.
    pub async fn listen(mut self) -> Server {
        let Some(address) = self.http.take() else {
            return self.listen_somewhere();
        };
        let process = Process::start(&mut self.command);
        let mut server = Server::of(process, &address, self.write);
        let until = Instant::now() + PATIENCE;
        while let Err(err) = server.try_send(server.request(Method::GET, "/-/healthy")).await {
            if !server.process.is_running() {
                panic!("{:?} ended: {}", self.command, server.process.ended().stderr);
            }
            assert!(Instant::now() < until, "never listens: {err:?}");
            tokio::time::sleep(POLL).await;
        }
        server
    }

    fn listen_somewhere(mut self) -> Server {
        let has_address = self.command.get_args().any(|arg| arg.to_string_lossy().starts_with("--http-address"));
        if !has_address {
            self.command.arg("--http-address=127.0.0.1:0");
        }
        let mut process = Process::start(&mut self.command);
        let address = process.hear(|line| {
            let told = line.contains("listening for requests and metrics");
            told.then(|| line.split("address=").nth(1).unwrap_or_default().to_owned())
        });
        Server::of(process, &address, None)
    }

    /// Starts it and waits until it has ended by itself.
    pub fn ended(mut self) -> Ended {
        Process::start(&mut self.command).ended()
    }
}

impl Server {
    /// `gauntlet standalone` with its data in `dir`, to be started.
    pub fn standalone(dir: &Path) -> Launch {
        let mut command = Command::new(crate::binary());
        command.arg("standalone").arg(format!("--data-dir={}", dir.display())).arg("--grpc-address=127.0.0.1:0");
        Launch { command, http: None, write: None }
    }

    /// `program sub_command`, which will answer at `http`, and take remote write at `write` if that is given.
    pub fn command(program: &Path, sub_command: &str, http: &str, write: Option<&str>) -> Launch {
        let mut command = Command::new(program);
        command.arg(sub_command).arg(format!("--http-address={http}"));
        if let Some(write) = write {
            command.arg(format!("--remote-write.address={write}"));
        }
        Launch { command, http: Some(http.to_owned()), write: write.map(str::to_owned) }
    }

    fn of(process: Process, address: &str, write: Option<String>) -> Self {
        let client = crate::client();
        let write_base = write.map(|address| format!("http://{address}"));
        Self { process, base: format!("http://{address}"), write_base, client }
    }

    /// Where it listens, as `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// A request to `path`, which may hold parameters, to be sent by [`Server::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Sends `request`.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap_or_else(|err| panic!("no answer: {err:?}"))
    }

    /// Sends `request`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.text().await? })
    }

    /// Asks for `path`, which may hold parameters.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Writes `series` to `/api/v1/receive`.
    pub async fn write(&self, series: &[Series]) -> Answer {
        self.send(self.write_request("/api/v1/receive", body(series))).await
    }

    /// A POST of `body` to `path` where remote write goes, without the headers of one.
    pub fn bare_write_request(&self, path: &str, body: Vec<u8>) -> RequestBuilder {
        let base = self.write_base.as_ref().unwrap_or(&self.base);
        self.client.request(Method::POST, format!("{base}{path}")).body(body)
    }

    /// A remote write of `body` to `path`, to be sent.
    pub fn write_request(&self, path: &str, body: Vec<u8>) -> RequestBuilder {
        self.bare_write_request(path, body)
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "snappy")
            .header("x-prometheus-remote-write-version", "0.1.0")
    }

    /// The result of `expression` at `time_ms`.
    ///
    /// # Panics
    /// When the answer is no success.
    pub async fn query(&self, expression: &str, time_ms: i64) -> Value {
        let time = format!("{}.{:03}", time_ms.div_euclid(1000), time_ms.rem_euclid(1000));
        let asked = self.request(Method::GET, "/api/v1/query").query(&[("query", expression), ("time", &time)]);
        let answer = self.send(asked).await;
        let json = answer.json();
        assert!(answer.status == 200 && json["status"] == "success", "{expression}: {answer:?}");
        json["data"]["result"].clone()
    }

    /// The sum of the metric's series whose line begins with `prefix` (a name, or more of the line).
    pub async fn metric(&self, prefix: &str) -> Option<f64> {
        let text = self.get("/metrics").await.body;
        let values = text
            .lines()
            .filter(|line| line.strip_prefix(prefix).is_some_and(|rest| rest.starts_with([' ', '{', ',', '}'])));
        let values = values.map(|line| line.rsplit(' ').next().unwrap_or_default().parse::<f64>().unwrap());
        values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }

    /// Waits until `/-/ready` says so.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn ready(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.get("/-/ready").await;
            if answer.status == 200 {
                return;
            }
            assert!(Instant::now() < until, "never ready: {answer:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends SIGTERM and waits until it has ended.
    pub fn stop(self) -> Ended {
        self.process.terminate();
        self.process.ended()
    }

    /// Sends SIGKILL and waits until it has ended.
    pub fn kill(self) -> Ended {
        self.process.kill();
        self.process.ended()
    }
}
