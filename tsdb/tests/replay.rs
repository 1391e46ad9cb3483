//! What was logged is replayed: from segments, from checkpoints, on one thread and on several, past damage.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "replay/covered.rs"]
mod covered;

use model::{
    ExemplarRef, HistogramLayout, HistogramRef, Labels, LabelsRef, MetadataRef, MetricKind, Numbers, ResetHint,
    SeriesRef, Span, TimeRange,
};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::{Loss, ModelHead, ModelSeries, SimFs};
use tsdb::fs::Fs;
use tsdb::head::Part;
use tsdb::head_chunks::HeadChunkRef;
use tsdb::wal::{
    CheckpointWriter, Committers, Compression, HistogramRun, LeftOut, Log, LogOptions, LogPlace, MmapMarker,
    ReadReport, Records, ReplayProgress, ReplayTarget, Replayed, SampleRun, Tombstone, replay, replay_from, salvage,
};

fn dir() -> &'static Path {
    Path::new("/wal")
}

fn labels(number: u64) -> Labels {
    Labels::from_pairs([("__name__", "up".to_owned()), ("instance", format!("host-{number}"))]).unwrap()
}

fn options() -> LogOptions {
    LogOptions { segment_bytes: 64 << 10, ..LogOptions::default() }
}

/// Logs what `write` says, as a life of its own.
fn log(fs: &SimFs, write: impl FnOnce(&Log)) {
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let log = Log::open(Arc::new(fs.clone()), dir(), options(), &committers).unwrap();
    write(&log);
    log.close().unwrap();
}

fn append(log: &Log, fill: impl FnOnce(&mut Records)) {
    let mut records = Records::default();
    fill(&mut records);
    let _durable = log.commit(log.sequence(&records).unwrap()).wait().unwrap();
}

fn checkpoint(fs: &SimFs, number: u32, fill: impl FnOnce(&mut CheckpointWriter<'_>)) {
    let mut writer = CheckpointWriter::create(fs, dir(), number, Compression::Snappy, 64 << 10).unwrap();
    fill(&mut writer);
    writer.publish().unwrap();
}

fn replayed(fs: &SimFs, threads: usize) -> (Vec<ModelSeries>, Replayed) {
    let (head, replayed) = replayed_head(fs, threads);
    (head.into_series(), replayed)
}

fn replayed_head(fs: &SimFs, threads: usize) -> (ModelHead, Replayed) {
    let head = ModelHead::default();
    let progress = ReplayProgress::default();
    let replayed = replay(fs, dir(), &head, NonZeroUsize::new(threads).unwrap(), &progress).unwrap();
    assert_eq!(progress.bytes().0, progress.bytes().1, "all was read");
    assert_eq!(progress.samples(), replayed.samples);
    (head, replayed)
}

/// Series by number, with the times of their samples.
fn times(series: &[ModelSeries]) -> Vec<(u64, Vec<i64>)> {
    series.iter().map(|series| (series.reference.0, series.samples.keys().copied().collect())).collect()
}

#[test]
fn a_log_that_is_not_there_is_empty() {
    let (series, replayed) = replayed(&SimFs::new(), 2);
    assert_eq!((series.len(), replayed.segments, replayed.report), (0, 0, Default::default()));
}

#[test]
fn many_segments_come_to_the_same_on_any_number_of_threads() {
    let fs = SimFs::new();
    log(&fs, |log| {
        for round in 0..200_i64 {
            append(log, |records| {
                for number in 0..1000 {
                    if round == number as i64 % 30 {
                        records.series(SeriesRef(number + 1), labels(number).as_ref());
                    }
                    if round >= number as i64 % 30 {
                        // Noise, so that the log is large enough for threads.
                        let value = f64::from_bits((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ round as u64);
                        records.sample(SeriesRef(number + 1), 15_000 * round + number as i64, value);
                    }
                }
            });
        }
    });
    let segments = fs.read_dir(dir()).unwrap();
    assert!(segments.iter().map(|segment| segment.size_bytes).sum::<u64>() > 1 << 20, "too small for threads");
    let (one, report) = replayed_head(&fs, 1);
    assert_eq!((one.orphans(), report.series, report.samples), (0, 1000, 185_600));
    let one = one.into_series();
    assert_eq!(one.iter().map(|series| series.samples.len()).sum::<usize>(), 185_600);
    assert!(one.iter().all(|series| series.samples.len() > 170));
    for threads in [2, 3, 8] {
        let (many, again) = replayed(&fs, threads);
        assert!(one == many, "{threads} threads");
        assert_eq!(again.samples, report.samples);
    }
}

#[test]
fn a_checkpoint_stands_for_the_segments_before_it() {
    let fs = SimFs::new();
    let mut first_kept = 0;
    log(&fs, |log| {
        append(log, |records| {
            for number in 0..3 {
                records.series(SeriesRef(number), labels(number).as_ref());
                records.sample(SeriesRef(number), 1000, 1.0);
            }
        });
        first_kept = log.cut().unwrap();
        append(log, |records| (0..3).for_each(|number| records.sample(SeriesRef(number), 2000, 2.0)));
        checkpoint(&fs, first_kept - 1, |checkpoint| {
            checkpoint.series(SeriesRef(0), labels(0).as_ref()).unwrap();
            checkpoint.series(SeriesRef(1), labels(1).as_ref()).unwrap();
            checkpoint.sample(SeriesRef(1), 1000, 1.0).unwrap();
        });
        let again = CheckpointWriter::create(&fs, dir(), first_kept - 1, Compression::None, 1 << 20);
        assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    });
    // Both before and after the old segments are removed.
    let want = [(0, vec![2000]), (1, vec![1000, 2000])];
    let (head, report) = replayed_head(&fs, 2);
    assert_eq!((head.orphans(), report.checkpoint), (1, Some(0)));
    assert_eq!(times(&head.into_series()), want);
    log(&fs, |log| log.truncate(first_kept).unwrap());
    assert_eq!(fs.read_dir(dir()).unwrap().len(), 2);
    let (series, report) = replayed(&fs, 2);
    assert_eq!((times(&series), report.checkpoint), (want.to_vec(), Some(0)));
    assert_eq!(report.report, tsdb::wal::ReadReport { records: report.report.records, ..Default::default() });
    log(&fs, |log| append(log, |records| records.sample(SeriesRef(0), 3000, 3.0)));
    assert_eq!(times(&replayed(&fs, 1).0)[0], (0, vec![2000, 3000]));
}

#[test]
fn an_unfinished_checkpoint_is_as_if_it_never_was() {
    let fs = SimFs::new();
    log(&fs, |log| append(log, |records| records.series(SeriesRef(1), labels(1).as_ref())));
    let mut writer = CheckpointWriter::create(&fs, dir(), 0, Compression::None, 1 << 20).unwrap();
    writer.series(SeriesRef(1), labels(1).as_ref()).unwrap();
    drop(writer);
    let (series, report) = replayed(&fs, 1);
    assert_eq!((series.len(), report.checkpoint), (1, None));
    log(&fs, |_| {});
    let names = || fs.read_dir(dir()).unwrap().into_iter().map(|entry| entry.name).collect::<Vec<_>>();
    assert_eq!(names(), ["00000000"]);
    // The same goes for a segment that was rewritten and did not take the place of the damaged one.
    fs.plant(&dir().join("00000000.tmp"), b"half").unwrap();
    fs.plant(&dir().join("notes.tmp"), b"not ours").unwrap();
    log(&fs, |_| {});
    assert_eq!(names(), ["00000000", "notes.tmp"]);
    checkpoint(&fs, 0, |_| {});
    assert_eq!(replayed(&fs, 1).1.checkpoint, Some(0));
}

#[test]
fn a_damaged_checkpoint_takes_nothing_else_with_it() {
    let fs = SimFs::new();
    let mut first_kept = 0;
    log(&fs, |log| {
        append(log, |records| records.series(SeriesRef(1), labels(1).as_ref()));
        append(log, |records| records.series(SeriesRef(2), labels(2).as_ref()));
        first_kept = log.cut().unwrap();
        append(log, |records| (1..3).for_each(|number| records.sample(SeriesRef(number), 2000, 2.0)));
        checkpoint(&fs, first_kept - 1, |checkpoint| {
            (1..3).for_each(|number| checkpoint.series(SeriesRef(number), labels(number).as_ref()).unwrap());
        });
    });
    let path = dir().join("checkpoint.00000000/00000000");
    let mut content = fs.read(&path).unwrap();
    content[20] ^= 1;
    fs.plant(&path, &content).unwrap();
    let (series, report) = replayed(&fs, 2);
    assert_eq!(times(&series), [(1, vec![2000]), (2, vec![2000])], "the old segment is still there");
    assert_eq!(report.report.damages.len(), 1);
    log(&fs, |log| log.truncate(first_kept).unwrap());
    let (head, report) = replayed_head(&fs, 2);
    assert_eq!(head.orphans(), 2);
    let [damage] = &report.report.damages[..] else { panic!("{:?}", report.report) };
    assert_eq!((&damage.file, damage.offset), (&path, 0));
    assert_eq!(replayed(&fs, 2).1.segments, 2, "nothing was removed");
}

#[test]
fn two_references_of_one_label_set_are_one_series() {
    let fs = SimFs::new();
    log(&fs, |log| {
        append(log, |records| {
            records.series(SeriesRef(1), labels(7).as_ref());
            records.sample(SeriesRef(1), 1000, 1.0);
        });
        append(log, |records| {
            records.series(SeriesRef(1), labels(7).as_ref());
            records.series(SeriesRef(5), labels(7).as_ref());
            records.sample(SeriesRef(5), 2000, 2.0);
        });
    });
    let (series, report) = replayed(&fs, 2);
    assert_eq!(times(&series), [(1, vec![1000, 2000])]);
    assert_eq!(report.series, 3);
}

#[test]
fn missing_and_empty_segments_are_reported() {
    let fs = SimFs::new();
    for time in 1..6 {
        log(&fs, |log| {
            append(log, |records| {
                records.series(SeriesRef(1), labels(1).as_ref());
                records.sample(SeriesRef(1), time, 0.0);
            });
        });
    }
    fs.remove_file(&dir().join("00000000")).unwrap();
    fs.remove_file(&dir().join("00000002")).unwrap();
    fs.truncate(&dir().join("00000003"), 0).unwrap();
    let (series, report) = replayed(&fs, 2);
    assert_eq!(times(&series), [(1, vec![2, 5])]);
    assert_eq!((report.report.missing_segments, report.report.empty_segments), (vec![0, 2], vec![3]));
}

#[test]
fn a_segment_that_cannot_be_read_stops_the_replay() {
    let fs = SimFs::new();
    log(&fs, |log| append(log, |records| records.series(SeriesRef(1), labels(1).as_ref())));
    fs.stop_after(fs.steps());
    let head = ModelHead::default();
    fs.crash(Loss::All);
    let error = replay(&fs, dir(), &head, NonZeroUsize::MIN, &ReplayProgress::default()).unwrap_err();
    assert_eq!(error.path, PathBuf::from("/wal"));
}

/// Five segments, of which the second is damaged in its middle and the fourth torn.
fn damaged_log() -> SimFs {
    let fs = SimFs::new();
    for life in 0..5_i64 {
        log(&fs, |log| {
            for round in 0..5 {
                append(log, |records| {
                    records.series(SeriesRef(1), labels(1).as_ref());
                    // Not 1.0: lost zeros at the end would be found again.
                    records.sample(SeriesRef(1), life * 10 + round, f64::from_bits(0x3ff1_2345_6789_abcd));
                });
            }
        });
    }
    let (second, fourth) = (dir().join("00000001"), dir().join("00000003"));
    let mut content = fs.read(&second).unwrap();
    let a_value = content.windows(4).rposition(|bytes| bytes == [0x67, 0x89, 0xab, 0xcd]).unwrap();
    let before_last = content[..a_value].windows(4).rposition(|bytes| bytes == [0x67, 0x89, 0xab, 0xcd]).unwrap();
    content[before_last] ^= 4;
    fs.plant(&second, &content).unwrap();
    let content = fs.read(&fourth).unwrap();
    fs.plant(&fourth, &content[..content.len() - 3]).unwrap();
    fs
}

#[test]
fn what_is_damaged_is_set_aside_and_the_rest_stays() {
    let fs = damaged_log();
    let originals = ["00000001", "00000003"].map(|name| fs.read(&dir().join(name)).unwrap());
    let (series, before) = replayed(&fs, 1);
    assert_eq!(times(&series)[0].1.len(), 23);
    let damages: Vec<_> = before.report.damages.iter().map(|damage| damage.tail).collect();
    assert_eq!(damages, [false, true]);
    let salvaged = salvage(&fs, Path::new("/quarantine"), &before.report).unwrap();
    let (again, after) = replayed(&fs, 1);
    assert!(again == series);
    assert_eq!((after.report.damages_total, after.report.records), (0, before.report.records));
    let aside: Vec<_> = salvaged.iter().map(|salvaged| fs.read(&salvaged.set_aside).unwrap()).collect();
    assert_eq!(aside[0], originals[0], "all of a segment that was changed in its middle");
    assert!(originals[1].ends_with(&aside[1]) && aside[1].len() < 40, "the end of one that was torn");
    assert_eq!(
        salvaged[1].set_aside,
        Path::new(&format!("/quarantine/wal-00000003-from-{}", originals[1].len() - aside[1].len()))
    );
    assert_eq!(salvaged[1].bytes, aside[1].len() as u64);
}

#[test]
fn w07_a_crash_while_salvaging_is_made_good_by_the_next_start() {
    let (want, _) = replayed(&damaged_log(), 1);
    let mut steps = 0;
    loop {
        let mut done = false;
        for loss in [Loss::All, Loss::Torn(steps), Loss::Reordered(steps), Loss::Reordered(steps + 1000)] {
            let fs = damaged_log();
            let report = replayed(&fs, 1).1.report;
            fs.stop_after(fs.steps() + steps);
            done = salvage(&fs, Path::new("/quarantine"), &report).is_ok();
            let fs = fs.crash(loss);
            let (series, again) = replayed(&fs, 1);
            assert!(series == want, "{steps} {loss:?}");
            salvage(&fs, Path::new("/quarantine"), &again.report).unwrap();
            log(&fs, |_| {});
            let (series, after) = replayed(&fs, 1);
            assert!(series == want && after.report.damages_total == 0, "{steps} {loss:?}");
            assert!(fs.read_dir(dir()).unwrap().iter().all(|entry| !entry.name.ends_with("tmp")));
        }
        if done {
            break;
        }
        steps += 1;
    }
    assert!(steps > 10, "{steps}");
}

fn replayed_from(fs: &SimFs, segment: u32, offset_bytes: u64) -> (Vec<(u64, Vec<i64>)>, Replayed) {
    let head = ModelHead::default();
    (0..3).for_each(|number| head.series(SeriesRef(number), labels(number).as_ref(), &mut ()));
    let (place, progress) = (LogPlace { segment, offset_bytes }, ReplayProgress::default());
    let replayed = replay_from(fs, (dir(), place), &head, NonZeroUsize::MIN, &progress).unwrap();
    assert_eq!(progress.bytes().0, progress.bytes().1, "all was read");
    (times(&head.into_series()), replayed)
}

#[test]
fn what_is_behind_a_place_is_replayed() {
    let fs = SimFs::new();
    let size = |segment: u32| fs.open(&dir().join(format!("{segment:08}"))).unwrap().size_bytes().unwrap();
    let mut behind_first = 0;
    log(&fs, |log| {
        append(log, |records| records.series(SeriesRef(0), labels(0).as_ref()));
        append(log, |records| records.sample(SeriesRef(0), 1, 1.0));
        behind_first = size(0);
        append(log, |records| records.sample(SeriesRef(0), 2, 2.0));
        let _segment = log.cut().unwrap();
        append(log, |records| records.sample(SeriesRef(0), 3, 3.0));
    });
    let all = |times: &[i64]| vec![(0, times.to_vec()), (1, Vec::new()), (2, Vec::new())];
    let check = |(segment, offset_bytes), want: &[i64]| {
        let (got, replayed) = replayed_from(&fs, segment, offset_bytes);
        assert_eq!(got, all(want), "from {segment}, {offset_bytes}");
        assert_eq!(replayed.report, ReadReport { records: want.len() as u64, ..ReadReport::default() });
    };
    check((0, behind_first), &[2, 3]);
    check((0, size(0)), &[3]);
    check((0, size(0) + 100_000), &[3]);
    check((1, 0), &[3]);
    check((2, 0), &[]);
    // A checkpoint of what lies before the place is not read; one that stands for more is.
    checkpoint(&fs, 0, |writer| {
        writer.series(SeriesRef(1), labels(1).as_ref()).unwrap();
        writer.sample(SeriesRef(1), 7, 7.0).unwrap();
    });
    assert_eq!(replayed_from(&fs, 1, 0).0, all(&[3]));
    let (got, replayed) = replayed_from(&fs, 0, behind_first);
    assert_eq!((got, replayed.checkpoint), (vec![(0, vec![3]), (1, vec![7]), (2, Vec::new())], Some(0)));
}

/// What came of each series, in its order: told in words.
#[derive(Debug, Default)]
struct Diary {
    of: Mutex<BTreeMap<SeriesRef, Vec<String>>>,
    takes_histograms: bool,
}

impl Diary {
    fn note(&self, series: SeriesRef, part: Part, what: String) {
        if series.0 as usize % part.of == part.index {
            self.of.lock().entry(series).or_default().push(what);
        }
    }
}

impl ReplayTarget for Diary {
    type Scratch = ();

    fn series(&self, series: SeriesRef, _: LabelsRef<'_>, (): &mut ()) {
        self.note(series, Part::WHOLE, "series".to_owned());
    }

    fn exemplar(&self, series: SeriesRef, exemplar: ExemplarRef<'_>, (): &mut ()) -> bool {
        // Beside the rest, which other threads apply.
        self.note(SeriesRef(1_000 + series.0), Part::WHOLE, format!("exemplar {}", exemplar.timestamp_ms));
        true
    }

    fn metadata(&self, series: SeriesRef, metadata: MetadataRef<'_>, (): &mut ()) -> bool {
        self.note(SeriesRef(2_000 + series.0), Part::WHOLE, metadata.kind.as_str().to_owned());
        true
    }

    fn samples(&self, run: SampleRun<'_>, part: Part, (): &mut ()) {
        run.samples.iter().for_each(|sample| self.note(sample.series, part, format!("float {}", sample.timestamp_ms)));
    }

    fn histograms(&self, run: HistogramRun<'_>, part: Part, (): &mut ()) -> bool {
        if self.takes_histograms {
            run.iter().for_each(|(entry, row)| {
                self.note(entry.series, part, format!("histogram {} {}", entry.timestamp_ms, row.count()));
            });
        }
        self.takes_histograms
    }

    fn deletions(&self, deletions: &[Tombstone], part: Part, (): &mut ()) -> bool {
        deletions.iter().for_each(|stone| self.note(stone.series, part, format!("without {}", stone.range.max_ms())));
        true
    }

    fn markers(&self, markers: &[MmapMarker], part: Part, (): &mut ()) -> bool {
        markers.iter().for_each(|marker| self.note(marker.series, part, format!("in {}", marker.chunk.0)));
        true
    }
}

/// So many that the log is replayed by several threads.
const ROUNDS: i64 = 700;

#[test]
fn what_concerns_a_series_comes_as_it_was_logged() {
    let fs = SimFs::new();
    let layout = HistogramLayout::new(0, 0.0, vec![Span { offset: 0, length: 1 }], vec![], vec![]).unwrap();
    let histogram = |count: &'static [u64; 3]| HistogramRef {
        layout: &layout,
        hint: ResetHint::Unknown,
        numbers: Numbers::Integer,
        cells: count,
        sum: 1.0,
    };
    let mut want = BTreeMap::<SeriesRef, Vec<String>>::new();
    log(&fs, |log| {
        for round in 0..ROUNDS {
            append(log, |records| {
                for series in (0..40).map(SeriesRef) {
                    let labels = labels(series.0);
                    if round == 0 {
                        records.series(series, labels.as_ref());
                        want.entry(series).or_default().push("series".to_owned());
                    }
                    records.sample(series, round, 0.0);
                    want.entry(series).or_default().push(format!("float {round}"));
                    if series.0 % 7 == 0 {
                        records
                            .exemplar(series, ExemplarRef { labels: labels.as_ref(), timestamp_ms: round, value: 0.0 });
                        records.metadata(series, MetadataRef { kind: MetricKind::Gauge, ..MetadataRef::default() });
                        want.entry(SeriesRef(1_000 + series.0)).or_default().push(format!("exemplar {round}"));
                        want.entry(SeriesRef(2_000 + series.0)).or_default().push("gauge".to_owned());
                    }
                    if series.0 % 5 == 0 {
                        records.barrier();
                        records.histogram(series, round, histogram(&[3, 0, 3]));
                        records.barrier();
                        records.deletion(series, TimeRange::new(0, round).unwrap());
                        records.barrier();
                        records.sample(series, round + 1, 0.0);
                        records.barrier();
                        records.marker(series, HeadChunkRef(8));
                        let all = [
                            format!("histogram {round} 3"),
                            format!("without {round}"),
                            format!("float {}", round + 1),
                            "in 8".to_owned(),
                        ];
                        want.entry(series).or_default().extend(all);
                    }
                }
            });
        }
    });
    let rounds = ROUNDS.cast_unsigned();
    for threads in [1, 2, 5] {
        let (diary, progress) = (Diary { takes_histograms: true, ..Diary::default() }, ReplayProgress::default());
        let threads = NonZeroUsize::new(threads).unwrap();
        let replayed = replay(&fs, dir(), &diary, threads, &progress).unwrap();
        assert!(progress.bytes().1 > 1 << 20, "too small for threads: {:?}", progress.bytes());
        assert!(diary.of.into_inner() == want, "{threads}");
        assert_eq!(
            (replayed.histograms, replayed.exemplars, replayed.left_out),
            (8 * rounds, 6 * rounds, LeftOut::default())
        );
        let (diary, progress) = (Diary::default(), ReplayProgress::default());
        let replayed = replay(&fs, dir(), &diary, threads, &progress).unwrap();
        assert_eq!(replayed.left_out, LeftOut { histograms: 8 * rounds, ..LeftOut::default() }, "{threads}");
    }
}
