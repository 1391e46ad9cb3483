use super::{Flags, NARROWEST_MS, label, run, width_ms};
use flags::GoDuration;
use std::path::Path;
use tsdb::SampleCursor;
use tsdb::block::Block;
use tsdb::fs::{Fs, StdFs};

fn flags(input: &Path, output: &Path) -> Flags {
    Flags {
        input: input.to_owned(),
        output: output.to_owned(),
        max_block_duration: "2h".parse().expect("a duration"),
        quiet: false,
        for_people: false,
        labels: vec![label("job=imported").expect("a label")],
    }
}

/// Makes blocks of a text; a line a block with its range, a line a series with its samples, or why there are none.
fn blocks(text: &str) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let (input, output) = (dir.path().join("text"), dir.path().join("data"));
    std::fs::write(&input, text).expect("a file");
    let mut printed = Vec::new();
    if let Err(error) = run(&flags(&input, &output), &mut printed) {
        return error.to_string().replace(&input.display().to_string(), "text");
    }
    let mut blocks: Vec<_> = StdFs
        .read_dir(&output)
        .expect("blocks")
        .into_iter()
        .map(|entry| Block::open(&StdFs, &entry.path).expect("a block"))
        .collect();
    blocks.sort_by_key(|block| block.meta().min_ms);
    assert_eq!(String::from_utf8_lossy(&printed).lines().count(), blocks.len() + 1);
    let mut read = String::new();
    for block in blocks {
        read += &format!("{}..{}\n", block.meta().min_ms, block.meta().max_ms);
        let cursor = tsdb::SeriesSource::select(&block, &[], model::TimeRange::ALL).expect("series");
        let (mut cursor, mut columns) =
            (SampleCursor::new(vec![cursor], model::TimeRange::ALL), model::SampleColumns::default());
        while let Some(labels) = cursor.next(&mut columns).expect("samples") {
            read += &format!("{labels:?} {:?} {:?}\n", columns.timestamps_ms, columns.values);
        }
    }
    read
}

#[test]
fn a_block_for_each_two_hours_with_samples() {
    assert_eq!(
        blocks("a{job=\"x\",i=\"1\"} 1 7199.999\nb 2 7200\na{i=\"1\"} 3 100\nb 4 -1\nb 5 21600\nb 5 21600\n# EOF\n"),
        "-1000..-999\n\
         {__name__=\"b\", job=\"imported\"} [-1000] [4.0]\n\
         100000..7200000\n\
         {__name__=\"a\", i=\"1\", job=\"imported\"} [100000, 7199999] [3.0, 1.0]\n\
         7200000..7200001\n\
         {__name__=\"b\", job=\"imported\"} [7200000] [2.0]\n\
         21600000..21600001\n\
         {__name__=\"b\", job=\"imported\"} [21600000] [5.0]\n"
    );
}

#[test]
fn two_values_at_one_time_are_a_fault() {
    assert_eq!(
        blocks("a 1 1\na 2 1\n# EOF\n"),
        "text: series {__name__=\"a\", job=\"imported\"} has two values at 1000 ms"
    );
    assert_eq!(blocks("a 1\n# EOF\n"), "text: line 1: sample of a has no timestamp");
}

#[test]
fn widths_are_two_hours_times_powers_of_three() {
    for (longest, hours) in [("1m", 2), ("2h", 2), ("17h59m", 6), ("18h", 18), ("100000h", 39366)] {
        let longest: GoDuration = longest.parse().expect("a duration");
        assert_eq!(width_ms(longest), hours * NARROWEST_MS / 2);
    }
}
