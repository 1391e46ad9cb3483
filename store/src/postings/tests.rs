use super::{IndexHeader, ReadIndex, label_values, series_ids};
use crate::index_header::build;
use bytes::Bytes;
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use model::{Labels, MatchOp, Matcher};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use testkit::SimFs;
use tsdb::SourceError;
use tsdb::index::{ChunkMeta, IndexReader, IndexWriter, select};
use tsdb::segment::ChunkRef;

const INDEX: &str = "/index";
const HEADER: &str = "/index-header";

/// An index in memory. Reads beyond its end are answered short, as by a store that is at fault.
#[derive(Debug, Clone)]
struct Index(Bytes);

impl ReadIndex for Index {
    type Error = SourceError;

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, SourceError>> {
        let [start, end] = [range.start, range.end].map(|at| (at as usize).min(self.0.len()));
        std::future::ready(Ok(self.0.slice(start..end.max(start)))).boxed()
    }

    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn name(&self) -> String {
        INDEX.to_owned()
    }
}

/// The same index mapped, and in a bucket with its header here.
struct Block {
    mapped: IndexReader,
    index: Index,
    header: IndexHeader,
}

fn block(series: &BTreeSet<Labels>) -> Block {
    let (fs, mut writer) = (SimFs::new(), IndexWriter::new());
    for labels in series {
        writer.add(labels.as_ref(), &[ChunkMeta { min_ms: 0, max_ms: 1, place: ChunkRef(8) }]).unwrap();
    }
    writer.finish(&fs, Path::new(INDEX)).unwrap();
    let index = Index(fs.read(Path::new(INDEX)).unwrap().into());
    block_on(build(&index, &fs, Path::new(HEADER))).unwrap();
    let mapped = IndexReader::open(&fs, Path::new(INDEX)).unwrap();
    Block { mapped, header: IndexHeader::open(&fs, Path::new(HEADER)).unwrap(), index }
}

/// Series whose names and values are such that matchers often hit, each label there or not.
fn some_series() -> impl Strategy<Value = BTreeSet<Labels>> {
    let labels = (0_u8..4, 0_u8..30, 0_u8..3).prop_map(|(a, b, c)| {
        let value = |name: &'static str, number: u8| (number > 0).then(|| (name, format!("{name}{number}")));
        Labels::from_pairs([value("a", a), value("b", b), value("c", c)].into_iter().flatten()).unwrap()
    });
    prop::collection::btree_set(labels, 0..60)
}

fn some_matcher() -> impl Strategy<Value = Matcher> {
    let op = prop::sample::select(vec![MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]);
    let name = prop::sample::select(vec!["a", "b", "c", "d"]);
    let value = prop::sample::select(vec!["", "a1", "b2", "b1|b2|zz", "b1.*", ".+", ".*", "b[1-5]", "|c1", "c1|b7"]);
    (op, name, value).prop_map(|(op, name, value)| Matcher::new(op, name, value).unwrap())
}

fn accepts(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.as_ref().get(matcher.name()).unwrap_or_default()))
}

proptest! {
    #[test]
    fn a_block_in_a_bucket_answers_as_one_here(
        series in some_series(),
        matchers in prop::collection::vec(some_matcher(), 0..4),
        name in prop::sample::select(vec!["a", "b", "c", "d"]),
    ) {
        let Block { mapped, index, header } = block(&series);
        let ids = block_on(series_ids(&header, &matchers, &index)).unwrap();
        prop_assert_eq!(&ids, &select::series_ids(&mapped, &matchers).unwrap());
        prop_assert_eq!(ids.len(), series.iter().filter(|labels| accepts(labels, &matchers)).count());

        let values = block_on(label_values(&header, name.as_bytes(), &matchers, &index)).unwrap();
        let accepted = series.iter().filter(|labels| accepts(labels, &matchers));
        let want: BTreeSet<_> = accepted.filter_map(|labels| labels.as_ref().get(name.as_bytes())).collect();
        prop_assert_eq!(values, want.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
    }
}

#[test]
fn a_damaged_list_is_an_error_wherever_the_damage_is() {
    let labels = |number: usize| Labels::from_pairs([("a", "a1"), ("b", format!("b{number}").as_str())]).unwrap();
    let Block { mapped, index, header } = block(&(0..4).map(labels).collect());
    let matchers = [Matcher::new(MatchOp::Regex, "a", ".+").unwrap()];
    let row = header.table().row(b"a", b"a1").unwrap();
    let list = header.list_range(&row).unwrap();
    assert_eq!(block_on(series_ids(&header, &matchers, &index)).unwrap().len(), 4);
    assert_eq!(list.end - list.start, 4 + 4 + 4 * 4 + 4);
    for bit in list.start * 8..list.end * 8 {
        let mut bytes = index.0.to_vec();
        bytes[bit as usize / 8] ^= 1 << (bit % 8);
        let error = block_on(series_ids(&header, &matchers, &Index(bytes.into()))).unwrap_err();
        assert!(matches!(&error, SourceError::Corrupt { file, .. } if file == INDEX), "bit {bit}: {error}");
    }
    for size in 0..list.end {
        let cut = Index(index.0.slice(..size as usize));
        let error = block_on(series_ids(&header, &matchers, &cut)).unwrap_err();
        assert!(matches!(error, SourceError::Corrupt { .. }), "cut to {size}: {error}");
    }
    drop(mapped);
}
