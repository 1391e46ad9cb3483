use super::*;
use crate::{Rejections, WriteBatch, WriteOutcome, prometheus_copy, thanos};
use futures::FutureExt;
use model::{Durable, ManualClock, TenantId};
use parking_lot::Mutex;
use prost::Message;
use std::future::Future;
use std::pin::Pin;

/// Tenant, replica and series of each write.
type Given = Vec<(String, u32, usize)>;

/// Answers by the name of the tenant, and remembers what it was given.
#[derive(Debug, Default)]
struct Target(Mutex<Given>);

impl WriteTarget for Target {
    fn write<'a>(
        &'a self,
        tenant: &'a TenantId,
        batch: WriteBatch,
    ) -> Pin<Box<dyn Future<Output = Result<WriteOutcome, WriteError>> + Send + 'a>> {
        self.0.lock().push((tenant.to_string(), batch.replica, batch.series.len()));
        let mut rejections = Rejections::default();
        let answer = match tenant.as_str() {
            "full" => Err(WriteError::DiskFull { floor_bytes: 1 }),
            "many" => Err(WriteError::SeriesLimit { limit: 1 }),
            "lost" => Err(WriteError::NoPlace("nowhere".to_owned())),
            "careless" => Ok(WriteOutcome::default()),
            "late" => {
                rejections.add(Some(0), Rejection::OutOfOrder, 1, || "at 5".to_owned());
                Ok(WriteOutcome { rejections, ..WriteOutcome::default() })
            }
            _ => {
                let durable = Some(Durable::witnessed());
                Ok(WriteOutcome { durable, samples_accepted: 1, rejections, ..WriteOutcome::default() })
            }
        };
        std::future::ready(answer).boxed()
    }
}

fn series() -> prometheus_copy::TimeSeries {
    prometheus_copy::TimeSeries {
        labels: vec![thanos::Label { name: "__name__".to_owned(), value: "up".to_owned() }],
        samples: vec![prometheus_copy::Sample { value: 1.0, timestamp: 5 }],
        ..Default::default()
    }
}

/// What a server says, and what its target was given.
fn send(body: Vec<u8>) -> (Result<(), Status>, Given) {
    let target = Arc::new(Target::default());
    let server = RemoteWriteServer {
        target: Arc::clone(&target) as _,
        fingerprinter: Arc::new(Fingerprinter::new([5; 192])),
        clock: Arc::new(ManualClock::at(0)),
    };
    let answer = server.remote_write(Request::new(Raw::from(bytes::Bytes::from(body)))).now_or_never().unwrap();
    (answer.map(drop), std::mem::take(&mut *target.0.lock()))
}

fn of(tenants: &[&str]) -> thanos::WriteRequest {
    let tuple =
        |tenant: &&str| thanos::TimeSeriesTenantTuple { timeseries: vec![series()], tenant: tenant.to_string() };
    thanos::WriteRequest { timeseries_tenant_data: tenants.iter().map(tuple).collect(), ..Default::default() }
}

#[track_caller]
fn check(tenants: &[&str], want: Code) {
    let (answer, given) = send(of(tenants).encode_to_vec());
    assert_eq!(answer.err().map_or(Code::Ok, |status| status.code()), want, "{tenants:?}");
    assert_eq!(given.len(), tenants.len(), "all are written, whatever becomes of one");
}

#[test]
fn the_worst_that_can_be_repeated_decides() {
    check(&["a", "b"], Code::Ok);
    check(&["a", "late"], Code::AlreadyExists);
    check(&["full", "late"], Code::Unavailable);
    check(&["late", "many"], Code::ResourceExhausted);
    check(&["late", "lost", "many"], Code::Internal);
    check(&["full", "lost"], Code::Unavailable);
}

#[test]
fn both_forms_are_taken_at_once() {
    let mut request = of(&["b"]);
    request.timeseries = vec![series(), series()];
    request.tenant = "a".to_owned();
    request.replica = 2;
    let (answer, given) = send(request.encode_to_vec());
    assert!(answer.is_ok());
    assert_eq!(given, [("a".to_owned(), 2, 2), ("b".to_owned(), 2, 1)]);
}

#[test]
fn what_is_no_request_reaches_nobody() {
    for (body, code) in [
        (vec![0x0a, 9], Code::InvalidArgument),
        (of(&[".."]).encode_to_vec(), Code::InvalidArgument),
        (of(&["a/b"]).encode_to_vec(), Code::InvalidArgument),
        (of(&[&"t".repeat(256)]).encode_to_vec(), Code::InvalidArgument),
        (of(&["a\0b"]).encode_to_vec(), Code::InvalidArgument),
        (vec![], Code::Ok),
    ] {
        let (answer, given) = send(body.clone());
        assert_eq!(answer.err().map_or(Code::Ok, |status| status.code()), code, "{body:?}");
        assert!(given.is_empty());
    }
}

/// Keeps what it is given.
#[derive(Debug, Default)]
struct Keeping(Mutex<Vec<WriteBatch>>);

impl WriteTarget for Keeping {
    fn write<'a>(
        &'a self,
        _: &'a TenantId,
        batch: WriteBatch,
    ) -> Pin<Box<dyn Future<Output = Result<WriteOutcome, WriteError>> + Send + 'a>> {
        self.0.lock().push(batch);
        let durable = Some(Durable::witnessed());
        std::future::ready(Ok(WriteOutcome { durable, ..WriteOutcome::default() })).boxed()
    }
}

/// What a layer put beside a message (memory, taken for it) is held as long as any tenant's series are, and no longer.
#[test]
fn what_is_beside_a_message_stays_until_its_last_series_went() {
    let target = Arc::new(Keeping::default());
    let server = RemoteWriteServer {
        target: Arc::clone(&target) as _,
        fingerprinter: Arc::new(Fingerprinter::new([5; 192])),
        clock: Arc::new(ManualClock::at(0)),
    };
    let mut request = Request::new(Raw::from(bytes::Bytes::from(of(&["a", "b"]).encode_to_vec())));
    let beside = Arc::new(());
    request.extensions_mut().insert(Arc::clone(&beside));
    server.remote_write(request).now_or_never().unwrap().unwrap();
    for left in [2, 1] {
        assert_eq!((target.0.lock().len(), Arc::strong_count(&beside)), (left, 2));
        target.0.lock().pop();
    }
    assert_eq!(Arc::strong_count(&beside), 1);
}

#[test]
fn a_conflict_says_what() {
    let (answer, _) = send(of(&["late"]).encode_to_vec());
    assert_eq!(answer.unwrap_err().message(), "tenant late: not stored: 1 samples (out of order); at 5");
    let unlabelled = prometheus_copy::TimeSeries { labels: vec![], ..series() };
    let request = thanos::WriteRequest { timeseries: vec![unlabelled], tenant: "a".to_owned(), ..Default::default() };
    let (answer, _) = send(request.encode_to_vec());
    assert_eq!(answer.unwrap_err().code(), Code::AlreadyExists);
}

/// OK means that somebody vouches for every sample.
#[test]
fn no_sample_is_stored_without_a_proof() {
    let request = |timeseries| thanos::WriteRequest { tenant: "careless".to_owned(), timeseries, ..Default::default() };
    let (answer, given) = send(request(vec![series()]).encode_to_vec());
    assert_eq!((answer.unwrap_err().code(), given.len()), (Code::Unavailable, 1));
    let exemplars = vec![prometheus_copy::Exemplar { timestamp: 5, ..Default::default() }];
    let no_samples = prometheus_copy::TimeSeries { samples: vec![], exemplars, ..series() };
    let (answer, given) = send(request(vec![no_samples]).encode_to_vec());
    assert!(answer.is_ok() && given.len() == 1);
}
