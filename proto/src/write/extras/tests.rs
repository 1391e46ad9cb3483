//! Exemplars and metadata against generated messages.

use super::super::{count_rows, messages};
use super::*;
use bytes::Bytes;
use model::{Fingerprinter, LabelsRef};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

fn walk(body: &[u8]) -> Option<WriteBatch> {
    let rows = count_rows(body).ok()?;
    let batch = WriteBatch::walk(Bytes::copy_from_slice(body), rows, &Fingerprinter::new([7; 192]), 0);
    Some(batch.ok()?.0)
}

/// An exemplar: labels, timestamp, bits.
type Told = (Vec<(Vec<u8>, Vec<u8>)>, i64, u64);

fn told(exemplars: ExemplarFields<'_>) -> Vec<Told> {
    let one = |exemplar: ExemplarField<'_>| {
        let labels = exemplar.labels.map_while(Result::ok);
        let labels = labels.map(|label| (label.name.to_vec(), label.value.to_vec())).collect();
        (labels, exemplar.timestamp_ms, exemplar.value.to_bits())
    };
    exemplars.map(one).collect()
}

fn expected(exemplars: &[messages::Exemplar]) -> Vec<Told> {
    let one = |exemplar: &messages::Exemplar| {
        let labels = exemplar.labels.iter().map(|label| (label.name.clone(), label.value.clone()));
        (labels.collect(), exemplar.timestamp, exemplar.value.to_bits())
    };
    exemplars.iter().map(one).collect()
}

fn label() -> impl Strategy<Value = messages::Label> {
    (vec(any::<u8>(), 0..5), vec(any::<u8>(), 0..5)).prop_map(|(name, value)| messages::Label { name, value })
}

prop_compose! {
    fn exemplar()(labels in vec(label(), 0..4), bits in any::<u64>(), timestamp in any::<i64>()) -> messages::Exemplar {
        messages::Exemplar { labels, value: f64::from_bits(bits), timestamp }
    }
}

prop_compose! {
    fn series()(
        exemplars in vec(exemplar(), 0..4),
        samples in vec(Just(messages::Sample { value: 1.0, timestamp: 2, start_timestamp: 0 }), 0..2),
        histograms in vec(Just(messages::Histogram::default()), 0..2),
    ) -> messages::TimeSeries {
        let labels = vec![messages::Label { name: b"a".to_vec(), value: b"b".to_vec() }];
        messages::TimeSeries { labels, samples, exemplars, histograms }
    }
}

proptest! {
    #[test]
    fn exemplars_are_what_a_generated_decoder_reads(timeseries in vec(series(), 0..5)) {
        let body = messages::WriteRequest { timeseries, metadata: vec![] }.encode_to_vec();
        let request = messages::WriteRequest::decode(&*body).unwrap();
        let batch = walk(&body).unwrap();
        let carries = |series: &&messages::TimeSeries| {
            series.samples.len() + series.histograms.len() + series.exemplars.len() > 0
        };
        for (row, series) in request.timeseries.iter().filter(carries).enumerate() {
            prop_assert_eq!(told(batch.exemplars(row)), expected(&series.exemplars));
            prop_assert_eq!(batch.metadata(row), None);
        }
    }

    #[test]
    fn damaged_bytes_are_read_alike_or_refused(
        series in series(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = messages::WriteRequest { timeseries: vec![series], metadata: vec![] }.encode_to_vec();
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let (Some(batch), Ok(request)) = (walk(&body), messages::WriteRequest::decode(&*body))
            && let ([_], [series]) = (&batch.series[..], &request.timeseries[..])
        {
            prop_assert_eq!(batch.exemplars(0).count(), series.exemplars.len());
        }
    }
}

#[test]
fn labels_of_an_exemplar_are_packed_and_may_be_none() {
    let label = |name: &str, value: &str| messages::Label { name: name.into(), value: value.into() };
    let exemplar = |labels| messages::Exemplar { labels, value: 1.0, timestamp: 2 };
    let exemplars = vec![
        exemplar(vec![label("trace_id", "x"), label("a", "y")]),
        exemplar(vec![]),
        exemplar(vec![label("a", "y"), label("a", "z")]),
    ];
    let labels = vec![label("__name__", "up")];
    let series = messages::TimeSeries { labels, exemplars, ..Default::default() };
    let body = messages::WriteRequest { timeseries: vec![series], metadata: vec![] }.encode_to_vec();
    let (batch, mut order, mut packed) = (walk(&body).unwrap(), Vec::new(), Vec::new());
    let mut pack = |exemplar: ExemplarField<'_>| {
        let range = exemplar.pack(&mut Vec::new(), &mut packed)?;
        order.push(format!("{:?}", LabelsRef::from_packed(&packed[range]).unwrap()));
        Ok(())
    };
    let packed: Vec<_> = batch.exemplars(0).map(&mut pack).collect();
    assert!(matches!(packed[..], [Ok(()), Ok(()), Err(InvalidLabelSet::DuplicateName { .. })]), "{packed:?}");
    assert_eq!(order, [r#"{a="y", trace_id="x"}"#, "{}"]);
}

/// A field that no version 1.0 has: what is wrong in it is nobody's fault.
#[test]
fn metadata_of_a_series_is_read_or_left_alone() {
    let said = messages::MetricMetadata { kind: 2, help: b"h".to_vec(), unit: b"u".to_vec(), ..Default::default() };
    let not_text = messages::MetricMetadata { help: vec![0xff], ..said.clone() };
    let field = |message: &[u8]| [&[SERIES_METADATA_KEY, message.len() as u8][..], message].concat();
    for (metadata, want) in [
        (field(&said.encode_to_vec()), Some((MetricKind::Gauge, "h", "u"))),
        (field(&not_text.encode_to_vec()), None),
        (field(&[0x0b, 0x0c]), None),
        (vec![0x78, 1], None),
        (vec![], None),
    ] {
        let series = [&[0x0a, 0, 0x12, 0][..], &metadata].concat();
        let batch = walk(&[&[0x0a, series.len() as u8][..], &series].concat()).unwrap();
        let got = batch.metadata(0);
        let got = got
            .map(|said| (said.kind, std::str::from_utf8(said.help).unwrap(), std::str::from_utf8(said.unit).unwrap()));
        assert_eq!(got, want, "{metadata:?}");
        assert_eq!(batch.samples(0).count(), 1);
    }
}
