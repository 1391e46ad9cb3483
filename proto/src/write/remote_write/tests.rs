//! The walk and the writer against generated messages.

use super::*;
use crate::write::HistogramScratch;
use crate::{prometheus_copy, thanos};
use model::HistogramColumn;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use std::collections::BTreeSet;

fn fingerprinter() -> Fingerprinter {
    Fingerprinter::new([7; 192])
}

/// How many histograms row `row` has.
fn histograms(batch: &WriteBatch, row: usize) -> usize {
    let (mut column, mut scratch) = (HistogramColumn::default(), HistogramScratch::default());
    let mut fields = batch.histograms(row);
    std::iter::from_fn(|| fields.decode_next(&mut column, &mut scratch, 100)).count()
}

fn walk(body: &[u8]) -> Result<RemoteWrite, InvalidRemoteWrite> {
    RemoteWrite::walk(&Bytes::copy_from_slice(body), &fingerprinter(), 17)
}

fn series() -> impl Strategy<Value = prometheus_copy::TimeSeries> {
    let label = |number: u8| thanos::Label { name: format!("name{number}"), value: "v".repeat(number.into()) };
    let labels = vec(0u8..200, 0..4).prop_map(move |numbers| numbers.into_iter().map(label).collect());
    let sample =
        (any::<i64>(), any::<f64>()).prop_map(|(timestamp, value)| prometheus_copy::Sample { value, timestamp });
    let exemplar = any::<f64>().prop_map(|value| prometheus_copy::Exemplar { value, ..Default::default() });
    let histogram = any::<f64>().prop_map(|sum| prometheus_copy::Histogram { sum, ..Default::default() });
    (labels, vec(sample, 0..3), vec(exemplar, 0..2), vec(histogram, 0..2)).prop_map(
        |(labels, samples, exemplars, histograms)| prometheus_copy::TimeSeries {
            labels,
            samples,
            exemplars,
            histograms,
        },
    )
}

fn tenant() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("t".repeat(200))]
}

fn request() -> impl Strategy<Value = thanos::WriteRequest> {
    let tuple = (vec(series(), 0..4), tenant())
        .prop_map(|(timeseries, tenant)| thanos::TimeSeriesTenantTuple { timeseries, tenant });
    (vec(series(), 0..4), tenant(), 0i64..5, vec(tuple, 0..4)).prop_map(|(timeseries, tenant, replica, tuples)| {
        thanos::WriteRequest { timeseries, tenant, replica, timeseries_tenant_data: tuples }
    })
}

/// Whether a series gets a row.
fn listed(series: &prometheus_copy::TimeSeries) -> bool {
    series.samples.len() + series.histograms.len() + series.exemplars.len() > 0 && !series.labels.is_empty()
}

/// The series with a row, by tenant; of tuples first.
fn expected(request: &thanos::WriteRequest) -> BTreeMap<String, Vec<prometheus_copy::TimeSeries>> {
    let own = (&request.tenant, &request.timeseries);
    let tuples = request.timeseries_tenant_data.iter().map(|tuple| (&tuple.tenant, &tuple.timeseries));
    let mut expected = BTreeMap::<_, Vec<_>>::new();
    for (tenant, series) in tuples.chain([own]).filter(|(_, series)| !series.is_empty()) {
        expected.entry(tenant.clone()).or_default().extend(series.iter().filter(|one| listed(one)).cloned());
    }
    expected
}

/// The series of a batch, decoded from the slices that would be forwarded.
fn decoded(batch: &WriteBatch) -> Vec<prometheus_copy::TimeSeries> {
    let field = |series: &crate::SeriesSlice| {
        let field = &batch.body[series.field.start as usize..series.field.end as usize];
        thanos::WriteRequest::decode(field).unwrap().timeseries.remove(0)
    };
    batch.series.iter().map(field).collect()
}

fn by_tenant(write: &RemoteWrite) -> BTreeMap<String, Vec<prometheus_copy::TimeSeries>> {
    write.parts.iter().map(|part| (part.tenant.to_string(), decoded(&part.batch))).collect()
}

proptest! {
    #[test]
    fn a_walk_finds_what_a_generated_decoder_finds(request in request()) {
        let body = request.encode_to_vec();
        let write = walk(&body).unwrap();
        prop_assert_eq!(i64::from(write.replica), request.replica);
        // The generated writer takes −0 for 0.
        let request = thanos::WriteRequest::decode(&*body).unwrap();
        // NaN is not itself; the texts are.
        prop_assert_eq!(format!("{:?}", by_tenant(&write)), format!("{:?}", expected(&request)));
        for part in &write.parts {
            prop_assert_eq!((part.batch.replica, part.batch.received_ms), (write.replica, 17));
            for (row, series) in decoded(&part.batch).iter().enumerate() {
                prop_assert_eq!(part.batch.samples(row).count(), series.samples.len());
                let slice = &part.batch.series[row];
                prop_assert_eq!((slice.has_histograms(), slice.has_extras()),
                    (!series.histograms.is_empty(), !series.exemplars.is_empty()));
                prop_assert_eq!(histograms(&part.batch, row), series.histograms.len());
                prop_assert_eq!(part.batch.exemplars(row).count(), series.exemplars.len());
                prop_assert!(!slice.is_scattered());
            }
        }
    }

    /// What is forwarded is what came, for the rows chosen, in both forms.
    #[test]
    fn a_generated_decoder_reads_what_is_forwarded(request in request(), keep in any::<u64>(), replica in 0u32..300) {
        let write = walk(&request.encode_to_vec()).unwrap();
        let rows: Vec<Vec<u32>> = write.parts.iter()
            .map(|part| (0..part.batch.series.len() as u32).filter(|row| keep >> (row % 64) & 1 == 1).collect())
            .collect();
        let parts: Vec<_> = write.parts.iter().zip(&rows)
            .map(|(part, rows)| ForwardPart { tenant: &part.tenant, batch: &part.batch, rows })
            .collect();
        let mut wanted = Vec::new();
        for part in &parts {
            let all = decoded(part.batch);
            let series: Vec<_> = part.rows.iter().map(|row| all[*row as usize].clone()).collect();
            let raw = forward_request(part, replica);
            let sent = thanos::WriteRequest::decode(raw.into_bytes()).unwrap();
            prop_assert_eq!(format!("{:?}", sent.timeseries), format!("{series:?}"));
            prop_assert_eq!((sent.tenant.as_str(), sent.replica), (part.tenant.as_str(), i64::from(replica)));
            wanted.push((part.tenant.to_string(), series));
        }
        let sent = thanos::WriteRequest::decode(forward_tuples(&parts, replica).into_bytes()).unwrap();
        let tuples = sent.timeseries_tenant_data.into_iter().map(|tuple| (tuple.tenant, tuple.timeseries));
        prop_assert_eq!(format!("{:?}", tuples.collect::<Vec<_>>()), format!("{wanted:?}"));
        prop_assert_eq!((sent.replica, sent.timeseries.len()), (i64::from(replica), 0));
    }

    /// What we take, a generated decoder takes (strings are checked as bytes here, so they are left out).
    #[test]
    fn damaged_bytes_do_no_harm(
        request in request(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = request.encode_to_vec();
        for (at, byte) in damage.iter().filter(|_| !body.is_empty()).collect::<Vec<_>>() {
            let at = at.index(body.len());
            body[at] = *byte;
        }
        if let Ok(write) = walk(&body) {
            let tenants: BTreeSet<_> = write.parts.iter().map(|part| part.tenant.clone()).collect();
            prop_assert_eq!(tenants.len(), write.parts.len());
            for part in &write.parts {
                for row in 0..part.batch.series.len() {
                    part.batch.labels(row).count();
                    part.batch.samples(row).count();
                }
            }
        }
    }

    #[test]
    fn a_label_is_taken_out_and_nothing_else(request in request()) {
        let write = walk(&request.encode_to_vec()).unwrap();
        for part in &write.parts {
            let rows: Vec<u32> = (0..part.batch.series.len() as u32).collect();
            let without = part.batch.without_label(&rows, b"name7", &fingerprinter()).unwrap();
            let mut wanted = decoded(&part.batch);
            wanted.iter_mut().for_each(|series| series.labels.retain(|label| label.name != "name7"));
            wanted.retain(listed);
            prop_assert_eq!(format!("{:?}", decoded(&without)), format!("{wanted:?}"));
        }
    }
}

#[track_caller]
fn refused(request: &thanos::WriteRequest, why: &str) {
    assert_eq!(walk(&request.encode_to_vec()).unwrap_err().to_string(), why);
}

#[test]
fn tenants_and_replicas_that_are_none() {
    let timeseries = vec![prometheus_copy::TimeSeries::default()];
    let of = |tenant: &str, replica| thanos::WriteRequest {
        timeseries: timeseries.clone(),
        tenant: tenant.to_owned(),
        replica,
        ..Default::default()
    };
    refused(&of("..", 1), r#"tenant name not valid: tenant name ".." is a relative path"#);
    refused(&of("", 1), "tenant name not valid: tenant name is empty");
    refused(&of("a", -1), "replica -1 is no replica");
    refused(&of("a", i64::MAX), "replica 9223372036854775807 is no replica");
    let tuple = thanos::TimeSeriesTenantTuple { timeseries: timeseries.clone(), tenant: "a/b".to_owned() };
    let tuples = thanos::WriteRequest { timeseries_tenant_data: vec![tuple], ..Default::default() };
    refused(
        &tuples,
        "tenant name not valid: tenant name has a forbidden byte at 1: a slash, a backslash or a control character",
    );
    // Nobody's series are nobody's fault.
    assert!(walk(&thanos::WriteRequest::default().encode_to_vec()).unwrap().parts.is_empty());
}

#[test]
fn too_many_tenants_are_refused() {
    let tuple = |number: usize| thanos::TimeSeriesTenantTuple {
        timeseries: vec![prometheus_copy::TimeSeries::default()],
        tenant: number.to_string(),
    };
    let of = |tenants| thanos::WriteRequest {
        timeseries_tenant_data: (0..tenants).map(tuple).collect(),
        ..Default::default()
    };
    assert_eq!(walk(&of(RemoteWrite::MAX_TENANTS).encode_to_vec()).unwrap().parts.len(), RemoteWrite::MAX_TENANTS);
    refused(&of(RemoteWrite::MAX_TENANTS + 1), "there are more than 10000 tenants in one request");
}

#[test]
fn neighbours_are_forwarded_as_one_slice() {
    let series = |name: &str| prometheus_copy::TimeSeries {
        labels: vec![thanos::Label { name: "__name__".to_owned(), value: name.to_owned() }],
        samples: vec![prometheus_copy::Sample::default()],
        ..Default::default()
    };
    let timeseries = ["a", "b", "c", "d"].map(series).to_vec();
    let request = thanos::WriteRequest { timeseries, tenant: "t".to_owned(), ..Default::default() };
    let write = walk(&request.encode_to_vec()).unwrap();
    let part = |rows| ForwardPart { tenant: &write.parts[0].tenant, batch: &write.parts[0].batch, rows };
    assert_eq!(forward_request(&part(&[0, 1, 2, 3]), 1).parts.len(), 2);
    assert_eq!(forward_request(&part(&[0, 1, 3]), 1).parts.len(), 3);
}
