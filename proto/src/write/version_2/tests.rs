//! Requests of 2.0 against generated messages: what they mean, as they lie and spelled out, and what is refused.

use super::super::{ExemplarField, HistogramScratch, count_rows, messages};
use super::reader::MAX_HASHED_BYTES;
use super::*;
use crate::write::Rejection;
use model::{Fingerprinter, HistogramColumn};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

// === messages as a code generator would have them ===

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(bytes = "vec", repeated, tag = "4")]
    symbols: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<messages::Sample>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<messages::Histogram>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<Exemplar>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<Metadata>,
    #[prost(int64, tag = "6")]
    created_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Exemplar {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Metadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
    #[prost(uint32, tag = "4")]
    unit_ref: u32,
}

/// What is written: a series of 1.0, with metadata where no version has them.
#[derive(Clone, PartialEq, Message)]
struct Written {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<WrittenSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct WrittenSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<messages::Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<messages::Sample>,
    #[prost(message, repeated, tag = "3")]
    exemplars: Vec<messages::Exemplar>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<messages::Histogram>,
    #[prost(message, optional, tag = "15")]
    metadata: Option<messages::MetricMetadata>,
}

// === what should come of them ===

/// What is written of a request: by series, `None` for one that is refused or has no label.
fn expected(request: &Request) -> Vec<Option<WrittenSeries>> {
    let symbol = |reference: &u32| request.symbols.get(*reference as usize).cloned();
    let labels = |refs: &[u32]| {
        let (pairs, rest) = refs.as_chunks::<2>();
        let label = |[name, value]: &[u32; 2]| Some(messages::Label { name: symbol(name)?, value: symbol(value)? });
        pairs.iter().map(label).collect::<Option<Vec<_>>>().filter(|_| rest.is_empty())
    };
    let exemplar = |exemplar: &Exemplar| {
        let &Exemplar { value, timestamp, .. } = exemplar;
        Some(messages::Exemplar { labels: labels(&exemplar.labels_refs)?, value, timestamp })
    };
    let text = |reference: u32| if reference == 0 { Some(Vec::new()) } else { symbol(&reference) };
    let metadata = |said: &Metadata| {
        let (help, unit) = (text(said.help_ref)?, text(said.unit_ref)?);
        Some(messages::MetricMetadata { kind: said.kind, help, unit, ..Default::default() })
    };
    let series = |series: &TimeSeries| {
        let said = series.metadata.unwrap_or_default();
        let metadata = metadata(&said)?;
        let labels = labels(&series.labels_refs).filter(|labels| !labels.is_empty())?;
        let stored = series.samples.len() + series.histograms.len() > 0;
        Some(WrittenSeries {
            labels,
            samples: series.samples.clone(),
            exemplars: series.exemplars.iter().filter_map(exemplar).collect(),
            histograms: series.histograms.clone(),
            metadata: (stored && said != Metadata::default()).then_some(metadata),
        })
    };
    request.timeseries.iter().map(series).collect()
}

/// A request that was read, and the same spelled out.
type Both = (Request2, SpelledBatch);

fn names() -> Fingerprinter {
    Fingerprinter::new([7; 192])
}

fn read_within(body: &[u8], spellings: &Spellings, limit_bytes: u32) -> Result<Both, InvalidRequest2> {
    let outline = Outline::of(body)?;
    assert!(outline.symbols_bytes() + outline.rows_bytes() <= 12 * body.len());
    let read = || Request2::read(Bytes::copy_from_slice(body), outline, spellings, 0, limit_bytes);
    let request = read()?;
    assert!(request.batch.series.len() <= outline.rows);
    // Whatever was there before.
    let mut out = vec![0xff; request.spelled_bytes()];
    assert!(out.len() <= limit_bytes as usize);
    let series = read()?.batch.spell(&mut out)?;
    // What was read once is known, and means the same.
    assert_eq!(read()?.batch.series, request.batch.series);
    let batch = WriteBatch { body: out.into(), series, symbols: None, received_ms: 0, replica: 0 };
    let again = request.batch.clone().spelled()?;
    assert_eq!((&again.body, &again.series), (&batch.body, &batch.series));
    Ok((request, batch.spelled()?))
}

fn read(body: &[u8]) -> Result<Both, InvalidRequest2> {
    read_within(body, &Spellings::new(&names()), 1 << 20)
}

/// Holds what `body` means against what a generated decoder reads in it.
fn compare(body: &[u8]) -> Result<(), TestCaseError> {
    let (read, request) = (read(body), Request::decode(body));
    let ((referring, batch), request) = match (read, request) {
        (Ok(read), Ok(request)) => (read, request),
        (Ok(_), Err(refused)) => {
            prop_assert!(false, "we take what is refused elsewhere: {}", refused);
            return Ok(());
        }
        (Err(InvalidRequest2::Malformed(refused)), Ok(_)) => {
            prop_assert_eq!(refused.what, "a group");
            return Ok(());
        }
        (Err(InvalidRequest2::FirstSymbol), Ok(request)) => {
            prop_assert!(!request.symbols[0].is_empty());
            return Ok(());
        }
        (Err(InvalidRequest2::TooLarge { size_bytes, .. }), Ok(_)) => {
            prop_assert!(size_bytes > 1 << 20);
            return Ok(());
        }
        (Err(_), Err(_)) => return Ok(()),
    };
    let want: Vec<_> = expected(&request).into_iter().flatten().collect();
    let written = Written::decode(&*batch.body).unwrap();
    // NaN is not itself; the texts are.
    prop_assert_eq!(format!("{:?}", written.timeseries), format!("{want:?}"));
    prop_assert_eq!(batch.series.len(), want.len());

    // Whoever is sent the body finds the same rows, but for those with nothing in them.
    let rows = count_rows(&batch.body).unwrap();
    let (walked, _) = WriteBatch::walk(batch.body.clone(), rows, &names(), 0).unwrap();
    let full: Vec<_> = batch.series.iter().filter(|series| !series.is_void()).cloned().collect();
    prop_assert_eq!(walked.series, full);
    for (row, series) in written.timeseries.iter().enumerate() {
        prop_assert_eq!(batch.samples(row).count(), series.samples.len());
        prop_assert_eq!(histograms(&batch, row).len(), series.histograms.len());
        prop_assert_eq!(batch.exemplars(row).count(), series.exemplars.len());
        prop_assert_eq!(batch.labels(row).count(), series.labels.len());
    }
    same_rows(&referring.batch, &batch)?;
    count(&request, &referring)
}

/// Holds what is read of a request as it lies against what is read of the same spelled out.
fn same_rows(referring: &WriteBatch, spelled: &WriteBatch) -> Result<(), TestCaseError> {
    prop_assert_eq!(referring.series.len(), spelled.series.len());
    for (row, (one, other)) in referring.series.iter().zip(&spelled.series).enumerate() {
        prop_assert_eq!(one.fingerprint, other.fingerprint);
        let flags = |row: &SeriesSlice| [row.is_void(), row.is_bare(), row.has_histograms(), row.has_extras()];
        prop_assert_eq!(flags(one), flags(other));
        let labels = |batch: &WriteBatch| format!("{:?}", batch.labels(row).map(Result::unwrap).collect::<Vec<_>>());
        prop_assert_eq!(labels(referring), labels(spelled));
        prop_assert_eq!(referring.labels(row).to_string(), spelled.labels(row).to_string());
        let samples = |batch: &WriteBatch| format!("{:?}", batch.samples(row).collect::<Vec<_>>());
        prop_assert_eq!(samples(referring), samples(spelled));
        prop_assert_eq!(histograms(referring, row), histograms(spelled, row));
        let exemplar = |field: ExemplarField<'_>| {
            let labels: Vec<_> = field.labels.map(Result::unwrap).collect();
            format!("{labels:?} {} {}", field.timestamp_ms, field.value.to_bits())
        };
        let exemplars = |batch: &WriteBatch| batch.exemplars(row).map(exemplar).collect::<Vec<_>>();
        prop_assert_eq!(exemplars(referring), exemplars(spelled));
        prop_assert_eq!(referring.metadata(row), spelled.metadata(row));
    }
    Ok(())
}

/// The histograms of row `row`, as text.
fn histograms(batch: &WriteBatch, row: usize) -> Vec<String> {
    let (mut column, mut scratch) = (HistogramColumn::default(), HistogramScratch::default());
    let mut fields = batch.histograms(row);
    let mut next = || fields.decode_next(&mut column, &mut scratch, 100);
    std::iter::from_fn(|| next().map(|decoded| format!("{decoded:?}"))).collect()
}

/// Holds the tally, and what is refused.
fn count(request: &Request, rewritten: &Request2) -> Result<(), TestCaseError> {
    let all = expected(request);
    let sum = |count: fn(&TimeSeries) -> usize| request.timeseries.iter().map(count).sum::<usize>() as u64;
    let tally = &rewritten.tally;
    prop_assert_eq!(tally.series, request.timeseries.len() as u64);
    prop_assert_eq!(tally.histograms, sum(|series| series.histograms.len()));
    prop_assert_eq!(tally.exemplars, sum(|series| series.exemplars.len()));
    prop_assert_eq!(tally.samples, all.iter().flatten().map(|series| series.samples.len() as u64).sum::<u64>());
    let dropped = request
        .timeseries
        .iter()
        .zip(&all)
        .filter_map(|(series, written)| Some((series.exemplars.len() - written.as_ref()?.exemplars.len()) as u64));
    let dropped: u64 = dropped.sum();
    let refused = request.timeseries.iter().zip(&all).filter(|(series, written)| {
        let unlabelled = series.labels_refs.is_empty() && rewritten.rejections.is_empty();
        written.is_none() && !unlabelled
    });
    let counts: Vec<_> = rewritten.rejections.counts().collect();
    let counted = |why| counts.iter().find(|(one, _)| *one == why).map_or(0, |(_, count)| *count);
    prop_assert_eq!(counted(Rejection::InvalidExemplar), dropped);
    prop_assert!(counted(Rejection::InvalidReference) <= refused.count() as u64);
    prop_assert_eq!(
        counted(Rejection::InvalidReference) == 0,
        request
            .timeseries
            .iter()
            .zip(&all)
            .all(|(series, written)| written.is_some() || is_just_unlabelled(request, series))
    );
    Ok(())
}

fn is_just_unlabelled(request: &Request, series: &TimeSeries) -> bool {
    let said = series.metadata.unwrap_or_default();
    let known = |reference: u32| reference == 0 || (reference as usize) < request.symbols.len();
    series.labels_refs.is_empty() && known(said.help_ref) && known(said.unit_ref)
}

// === generated messages ===

fn refs() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![
        8 => vec((1u32..5, 0u32..6), 0..5).prop_map(|pairs| pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()),
        1 => vec(0u32..9, 0..7),
        1 => vec(any::<u32>(), 0..3),
    ]
}

prop_compose! {
    fn sample()(bits in any::<u64>(), timestamp in any::<i64>(), start_timestamp in prop_oneof![Just(0), any::<i64>()])
        -> messages::Sample
    {
        messages::Sample { value: f64::from_bits(bits), timestamp, start_timestamp }
    }
}

prop_compose! {
    fn series()(
        labels_refs in refs(),
        samples in vec(sample(), 0..3),
        histograms in vec((any::<u64>(), any::<i64>()), 0..3),
        exemplars in vec((refs(), any::<f64>(), any::<i64>()), 0..3),
        metadata in prop::option::of((0i32..9, 0u32..7, 0u32..7)),
        created_timestamp in any::<i64>(),
    ) -> TimeSeries {
        let histogram = |(count_int, start_timestamp)| messages::Histogram { count_int, start_timestamp, ..Default::default() };
        let exemplar = |(labels_refs, value, timestamp)| Exemplar { labels_refs, value, timestamp };
        let metadata = metadata.map(|(kind, help_ref, unit_ref)| Metadata { kind, help_ref, unit_ref });
        TimeSeries {
            labels_refs,
            samples,
            histograms: histograms.into_iter().map(histogram).collect(),
            exemplars: exemplars.into_iter().map(exemplar).collect(),
            metadata,
            created_timestamp,
        }
    }
}

prop_compose! {
    fn request()(
        words in vec(prop_oneof![vec(any::<u8>(), 0..6), vec(any::<u8>(), 120..140)], 3..8),
        timeseries in vec(series(), 0..5),
    ) -> Request {
        Request { symbols: std::iter::once(Vec::new()).chain(words).collect(), timeseries }
    }
}

proptest! {
    #[test]
    fn a_request_means_what_it_says(request in request()) {
        compare(&request.encode_to_vec())?;
    }

    /// Symbols behind the series, series apart from each other, references one by one or in several packs, samples between
    /// them.
    #[test]
    fn odd_orders_mean_the_same(request in request(), order in vec(any::<u16>(), 30), cut in any::<prop::sample::Index>()) {
        let mut fields: Vec<(u16, Vec<u8>)> = Vec::new();
        for series in &request.timeseries {
            let (head, tail) = series.labels_refs.split_at(cut.index(series.labels_refs.len() + 1));
            let unpacked = |refs: &[u32]| refs.iter().flat_map(|reference| {
                let mut field = vec![0x08];
                prost::encoding::encode_varint(u64::from(*reference), &mut field);
                field
            }).collect::<Vec<u8>>();
            let packed = |refs: &[u32]| TimeSeries { labels_refs: refs.to_vec(), ..Default::default() }.encode_to_vec();
            let (head, tail) = if head.len() % 2 == 0 {
                (unpacked(head), packed(tail))
            } else {
                (packed(head), unpacked(tail))
            };
            let rest = TimeSeries { labels_refs: vec![], ..series.clone() }.encode_to_vec();
            let again = TimeSeries { samples: series.samples.clone(), ..Default::default() }.encode_to_vec();
            let message = [head, again, tail, rest].concat();
            let mut field = vec![0x2a];
            prost::encoding::encode_varint(message.len() as u64, &mut field);
            field.extend(message);
            fields.push((1, field));
        }
        for (field, order) in fields.iter_mut().zip(order) {
            field.0 = order;
        }
        fields.sort();
        let mut body: Vec<u8> = fields.into_iter().flat_map(|(_, field)| field).collect();
        body.extend(Request { symbols: request.symbols, timeseries: vec![] }.encode_to_vec());
        compare(&body)?;
    }

    #[test]
    fn damaged_bytes_are_taken_or_refused_as_by_a_generated_decoder(
        request in request(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = request.encode_to_vec();
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        compare(&body)?;
    }

    /// What is measured is what is written; a limit lets all of it pass, or nothing.
    #[test]
    fn the_limit_is_that_of_what_is_written(request in request(), less in 0u32..200) {
        let body = request.encode_to_vec();
        let (_, batch) = read(&body).unwrap();
        let size = u32::try_from(batch.body.len()).unwrap();
        let spellings = Spellings::new(&names());
        prop_assert_eq!(&read_within(&body, &spellings, size).unwrap().1.body, &batch.body);
        if let Some(limit_bytes) = size.checked_sub(less + 1) {
            let refused = read_within(&body, &spellings, limit_bytes);
            let is_told = matches!(refused, Err(InvalidRequest2::TooLarge { size_bytes, limit_bytes: told })
                if told == limit_bytes && size_bytes > u64::from(told) && size_bytes <= u64::from(size));
            prop_assert!(is_told);
        }
    }
}

// === one by one ===

fn with(symbols: &[&str], series: TimeSeries) -> Vec<u8> {
    let symbols = symbols.iter().map(|symbol| symbol.as_bytes().to_vec()).collect();
    Request { symbols, timeseries: vec![series] }.encode_to_vec()
}

fn one_sample() -> Vec<messages::Sample> {
    vec![messages::Sample { value: 1.0, timestamp: 2, start_timestamp: 1 }]
}

#[track_caller]
fn refused(series: TimeSeries, why: Rejection, detail: &str) {
    let body = with(&["", "__name__", "up"], series);
    let (rewritten, _) = read(&body).unwrap();
    assert_eq!(rewritten.rejections.counts().collect::<Vec<_>>(), [(why, 1)]);
    assert_eq!(rewritten.rejections.examples()[0].detail, detail);
}

#[test]
fn references_that_lead_nowhere_are_told_in_the_words_of_prometheus() {
    let series = |labels_refs: &[u32]| TimeSeries {
        labels_refs: labels_refs.to_vec(),
        samples: one_sample(),
        ..Default::default()
    };
    let why = Rejection::InvalidReference;
    refused(series(&[1, 2, 3]), why, "parsing labels for series [1 2 3]: invalid labelRefs length 3");
    let outside =
        "parsing labels for series [1 999]: labelRefs 1 (name) = 999 (value) outside of symbols table (size 3)";
    refused(series(&[1, 999]), why, outside);
    let many = [1, 2].repeat(500).into_iter().chain([1]).collect::<Vec<_>>();
    let shown = [["1 2"; 16].join(" "), "…".to_owned()].join(" ");
    let detail = format!("parsing labels for series [{shown}]: invalid labelRefs length 1001");
    refused(series(&many), why, &detail);
    let said = Metadata { kind: 1, help_ref: 3, unit_ref: 0 };
    let detail = "metadata of series [1 2]: help 3, unit 0 outside of symbols table (size 3)";
    refused(TimeSeries { metadata: Some(said), ..series(&[1, 2]) }, why, detail);
    let exemplar = Exemplar { labels_refs: vec![1], value: 1.0, timestamp: 2 };
    let detail = r#"parsing exemplar for series {"__name__"="up"}: invalid labelRefs length 1"#;
    refused(TimeSeries { exemplars: vec![exemplar], ..series(&[1, 2]) }, Rejection::InvalidExemplar, detail);
}

#[test]
fn the_first_symbol_is_empty() {
    let body =
        with(&["__name__", "up"], TimeSeries { labels_refs: vec![0, 1], samples: one_sample(), ..Default::default() });
    assert_eq!(read(&body).unwrap_err(), InvalidRequest2::FirstSymbol);
    let (_, batch) = read(&with(&[], TimeSeries::default())).unwrap();
    assert!(batch.series.is_empty());
}

/// A symbol of a kilobyte, named a million times by two megabytes of references.
#[test]
fn a_small_request_that_means_a_large_one_is_stopped_before_anything_is_written() {
    let symbol = "s".repeat(1024);
    let labels_refs = [1, 1].repeat(1 << 20);
    let series =
        |exemplars| TimeSeries { labels_refs: vec![1, 1], samples: one_sample(), exemplars, ..Default::default() };
    let many = TimeSeries { labels_refs: labels_refs.clone(), samples: one_sample(), ..Default::default() };
    let exemplar = Exemplar { labels_refs, value: 1.0, timestamp: 2 };
    for body in [with(&["", &symbol], many), with(&["", &symbol], series(vec![exemplar]))] {
        let refused = read_within(&body, &Spellings::new(&names()), 32 << 20).unwrap_err();
        let InvalidRequest2::TooLarge { size_bytes, .. } = refused else { panic!("it is too large") };
        assert_eq!(size_bytes >> 20, 2057);
    }
}

/// Series and exemplars of as many references, and one more that leads nowhere: nothing of them is spelled.
#[test]
fn what_is_refused_takes_no_room() {
    let symbol = "s".repeat(1024);
    let mut labels_refs = [1, 1].repeat(1 << 20);
    let good = TimeSeries { labels_refs: vec![1, 1], samples: one_sample(), ..Default::default() };
    for last in [vec![1], vec![1, 2]] {
        labels_refs.truncate(2 << 20);
        labels_refs.extend(last);
        let exemplar = Exemplar { labels_refs: labels_refs.clone(), value: 1.0, timestamp: 2 };
        let exemplars = vec![exemplar];
        let refused = TimeSeries { labels_refs: labels_refs.clone(), samples: one_sample(), ..Default::default() };
        let timeseries = vec![refused, TimeSeries { exemplars, ..good.clone() }];
        let body = Request { symbols: vec![vec![], symbol.clone().into_bytes()], timeseries }.encode_to_vec();
        let (rewritten, batch) = read_within(&body, &Spellings::new(&names()), 4096).unwrap();
        let counts: Vec<_> = rewritten.rejections.counts().collect();
        assert_eq!(counts, [(Rejection::InvalidReference, 1), (Rejection::InvalidExemplar, 1)]);
        assert_eq!((batch.series.len(), batch.exemplars(0).count()), (1, 0));
    }
}

#[test]
fn long_help_is_cut_and_a_long_unit_is_none() {
    let said = Metadata { kind: 1, help_ref: 1, unit_ref: 2 };
    for (help, unit, want) in [
        ("h".repeat(1024), "u".repeat(1024), (1024, 1024)),
        ("h".repeat(1025), "u".repeat(1025), (1024, 0)),
        ("ä".repeat(600), String::new(), (1024, 0)),
        (format!("x{}", "ä".repeat(600)), String::new(), (1023, 0)),
        (format!("xxx{}", "😀".repeat(300)), String::new(), (1023, 0)),
    ] {
        let series =
            TimeSeries { labels_refs: vec![1, 1], samples: one_sample(), metadata: Some(said), ..Default::default() };
        let (referring, spelled) = read(&with(&["", &help, &unit], series)).unwrap();
        for said in [referring.batch.metadata(0).unwrap(), spelled.metadata(0).unwrap()] {
            assert_eq!((said.help.len(), said.unit.len()), want);
            assert_eq!(said.help, &help.as_bytes()[..want.0]);
        }
    }
}

#[test]
fn a_canonical_region_hashes_to_the_name_of_its_series() {
    let series = TimeSeries { labels_refs: vec![1, 2, 3, 4], samples: one_sample(), ..Default::default() };
    let (_, batch) = read(&with(&["", "__name__", "up", "job", &"j".repeat(300)], series)).unwrap();
    let labels = model::Labels::from_pairs([("__name__", "up"), ("job", &"j".repeat(300))]).unwrap();
    let fingerprint = names().of_labels(labels.as_ref(), &mut Vec::new());
    assert_eq!(batch.series[0].fingerprint, fingerprint);
}

#[test]
fn a_request_of_version_1_has_unknown_fields_only() {
    let (rewritten, batch) = read(&[0x0a, 0, 0x1a, 2, 0x08, 1]).unwrap();
    assert_eq!((batch.series.len(), rewritten.tally), (0, Tally { unknown_fields: 2, ..Tally::default() }));
}

/// A series whose labels are too long to be hashed is still there, and so is its neighbour.
#[test]
fn long_labels_are_found_by_their_text() {
    let symbols = ["", "a", &"v".repeat(MAX_HASHED_BYTES as usize)].map(|text| text.as_bytes().to_vec());
    let series = |labels_refs| TimeSeries { labels_refs, samples: one_sample(), ..Default::default() };
    let timeseries = vec![series(vec![1, 2]), series(vec![1, 1])];
    let (request, spelled) = read(&Request { symbols: symbols.to_vec(), timeseries }.encode_to_vec()).unwrap();
    for batch in [&request.batch, &*spelled] {
        assert_eq!([0, 1].map(|row| batch.series[row].is_scattered()), [true, false]);
        assert_eq!(batch.labels(0).next().unwrap().unwrap().value.len() as u64, MAX_HASHED_BYTES);
    }
}

/// More labels than are mixed, so many and one more.
#[test]
fn series_of_very_many_labels_are_told_apart() {
    let spellings = Spellings::new(&names());
    let series = |labels: usize, last| {
        let labels_refs = [[1, 1].repeat(labels - 1), vec![1, last]].concat();
        TimeSeries { labels_refs, samples: one_sample(), ..Default::default() }
    };
    for (labels, known) in [(127, 2), (128, 4), (129, 4)] {
        let timeseries = vec![series(labels, 1), series(labels, 2)];
        let symbols = vec![vec![], b"a".to_vec(), b"b".to_vec()];
        let body = Request { symbols, timeseries }.encode_to_vec();
        let (request, spelled) = read_within(&body, &spellings, 1 << 20).unwrap();
        same_rows(&request.batch, &spelled).unwrap();
        assert_ne!(request.batch.series[0].fingerprint, request.batch.series[1].fingerprint);
        assert_eq!(spellings.len(), known);
    }
}
