mod heads;

use super::*;
use crate::store::{PartialResponse, SeriesBatch, SeriesFrame, Shard};
use crate::table::{Row, TableSource, labels, row};
use futures::StreamExt;
use model::MatchOp::{self, Equal, NotEqual, Regex};

/// Two tenants: `a` with a head and a block, `b` with a head.
#[derive(Debug, Clone)]
struct Tenants {
    groups: Vec<SourceGroup>,
}

impl SourceProvider for Tenants {
    fn groups(&self, range: TimeRange) -> Vec<SourceGroup> {
        let holds = |source: &Arc<dyn SeriesSource>| source.time_range().is_some_and(|held| held.overlaps(range));
        let groups = self.groups.iter().map(|group| SourceGroup {
            external: group.external.clone(),
            sources: group.sources.iter().filter(|source| holds(source)).cloned().collect(),
        });
        groups.collect()
    }
}

fn group(tenant: &str, sources: &[&[Row]]) -> SourceGroup {
    let source = |rows: &&[Row]| Arc::new(TableSource { rows: rows.to_vec(), panics: false }) as Arc<dyn SeriesSource>;
    SourceGroup {
        external: labels(&[("replica", "r"), ("tenant", tenant)]),
        sources: sources.iter().map(source).collect(),
    }
}

fn store() -> LocalStore {
    let head = [
        row(&[("__name__", "up"), ("job", "x")], &[(5, 9, "head")]),
        row(&[("__name__", "up"), ("job", "y")], &[(5, 9, "y")]),
    ];
    let block = [row(&[("__name__", "up"), ("job", "x")], &[(1, 4, "block")])];
    let other = [row(&[("__name__", "down")], &[(5, 9, "other")])];
    let groups = vec![group("a", &[&head, &block]), group("b", &[&other])];
    LocalStore::new("local", Component::Receive, Arc::new(Tenants { groups }))
}

fn matchers(of: &[(&str, MatchOp, &str)]) -> Arc<[Matcher]> {
    of.iter().map(|(name, op, value)| Matcher::new(*op, *name, value).unwrap()).collect()
}

fn request(of: &[(&str, MatchOp, &str)]) -> SeriesRequest {
    SeriesRequest::new(matchers(of), TimeRange::ALL)
}

/// The answer, one line a warning or series: `labels chunk+chunk`.
async fn answer(store: &LocalStore, request: SeriesRequest) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    let mut frames = store.series(request);
    while let Some(frame) = frames.next().await {
        let batch = match frame? {
            SeriesFrame::Series(SeriesBatch::Chunks(batch)) => batch,
            SeriesFrame::Series(SeriesBatch::Columns(_)) => panic!("a local store answers with chunks"),
            SeriesFrame::Warning(text) => {
                lines.push(text);
                continue;
            }
        };
        lines.extend(batch.iter().map(|(labels, chunks)| {
            let data: Vec<_> = chunks.iter().map(|chunk| String::from_utf8_lossy(&chunk.data).into_owned()).collect();
            format!("{labels:?} {}", data.join("+"))
        }));
    }
    Ok(lines)
}

async fn check(request: SeriesRequest, expected: &[&str]) {
    assert_eq!(answer(&store(), request).await.unwrap(), expected);
}

const X: &str = r#"{__name__="up", job="x", replica="r", tenant="a"} block+head"#;
const Y: &str = r#"{__name__="up", job="y", replica="r", tenant="a"} y"#;
const DOWN: &str = r#"{__name__="down", replica="r", tenant="b"} other"#;

#[tokio::test]
async fn series_of_all_tenants_come_merged_and_sorted_with_external_labels() {
    check(request(&[("__name__", NotEqual, "")]), &[DOWN, X, Y]).await;
}

#[tokio::test]
async fn external_labels_can_be_matched() {
    check(request(&[("tenant", Equal, "b")]), &[DOWN]).await;
    check(request(&[("replica", Regex, "r|s"), ("job", Equal, "y")]), &[Y]).await;
    check(request(&[("tenant", Equal, "")]), &[]).await;
}

/// What is said of tenant `b`.
const REFUSAL: &str = "receive series from MinTime: 5 MaxTime: 9: rpc error: code = InvalidArgument desc = no matchers \
                       specified (excluding external labels)";

#[tokio::test]
async fn where_matchers_are_needed_external_labels_alone_are_a_warning_or_an_error() {
    let strict = store().needing_matchers();
    assert_eq!(answer(&strict, request(&[("tenant", Equal, "b")])).await.unwrap(), [REFUSAL]);
    let both = request(&[("tenant", Equal, "b"), ("__name__", NotEqual, "")]);
    assert_eq!(answer(&strict, both).await.unwrap(), [DOWN]);
    let abort = SeriesRequest { partial: PartialResponse::Abort, ..request(&[("tenant", Equal, "b")]) };
    assert_eq!(answer(&strict, abort).await, Err(StoreError::Invalid(REFUSAL.to_owned())));
    let none = answer(&strict, request(&[])).await;
    assert_eq!(none, Err(StoreError::Invalid("no matchers specified (excluding selector labels)".to_owned())));
}

#[tokio::test]
async fn shards_divide_the_series() {
    let all = request(&[("__name__", NotEqual, "")]);
    let mut parts = Vec::new();
    for index in 0..3 {
        let shard =
            Some(Arc::new(Shard { index, total: 3, by: true, labels: vec![b"job".to_vec(), b"__name__".to_vec()] }));
        let part = answer(&store(), SeriesRequest { shard, ..all.clone() }).await.unwrap();
        assert!(part.len() < 3, "all in one shard, the test says nothing");
        parts.extend(part);
    }
    parts.sort_unstable();
    assert_eq!(parts, [DOWN, X, Y]);
}

#[tokio::test]
async fn what_a_request_takes_is_limited() {
    let all = request(&[("__name__", NotEqual, "")]);
    let limits = |series, samples| store().with_limits(SeriesLimits { series, samples });
    let exceeded = |text: &str| Err(StoreError::LimitExceeded(text.to_owned()));
    assert_eq!(answer(&limits(3, 480), all.clone()).await.unwrap(), [DOWN, X, Y]);
    let series = answer(&limits(2, 0), all.clone()).await;
    assert_eq!(series, exceeded("failed to send series: limit 2 violated (got 3)"));
    // The second series has two chunks.
    let samples = answer(&limits(0, 359), all.clone()).await;
    assert_eq!(samples, exceeded("failed to send samples: limit 359 violated (got 360)"));
    let bare = SeriesRequest { skip_chunks: true, ..all };
    assert_eq!(answer(&limits(0, 1), bare).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_range_asks_only_what_may_hold_it() {
    let early = SeriesRequest { range: TimeRange::new(0, 4).unwrap(), ..request(&[("__name__", Equal, "up")]) };
    check(early, &[r#"{__name__="up", job="x", replica="r", tenant="a"} block"#]).await;
}

#[tokio::test]
async fn limit_and_skipped_chunks() {
    check(SeriesRequest { limit: Some(2), ..request(&[("__name__", NotEqual, "")]) }, &[DOWN, X]).await;
    let bare = SeriesRequest { skip_chunks: true, ..request(&[("job", Equal, "x")]) };
    check(bare, &[r#"{__name__="up", job="x", replica="r", tenant="a"} "#]).await;
}

#[tokio::test]
async fn dropped_labels_join_what_they_kept_apart() {
    let without = ["tenant", "job"].map(|name| name.as_bytes().to_vec());
    let request = SeriesRequest { without_labels: Arc::from(without), ..request(&[("__name__", Equal, "up")]) };
    check(request, &[r#"{__name__="up", replica="r"} block+y+head"#]).await;
}

#[tokio::test]
async fn a_fault_below_is_an_error_and_not_a_short_answer() {
    let broken = TableSource { rows: vec![row(&[("a", "b")], &[(1, 2, "c")])], panics: true };
    let group = SourceGroup { external: Labels::empty(), sources: vec![Arc::new(broken)] };
    let store = LocalStore::new("local", Component::Receive, Arc::new(Tenants { groups: vec![group] }));
    let error = answer(&store, request(&[("a", Equal, "b")])).await.unwrap_err();
    assert!(matches!(&error, StoreError::Internal { store, .. } if store == "local"), "{error}");
    let error = store.label_names(labels_request(&[])).await.unwrap_err();
    assert!(matches!(error, StoreError::Internal { .. }), "{error}");
}

fn labels_request(of: &[(&str, MatchOp, &str)]) -> LabelsRequest {
    LabelsRequest::new(matchers(of), TimeRange::ALL)
}

fn text(answer: Result<LabelsAnswer, StoreError>) -> Vec<String> {
    answer.unwrap().strings.iter().map(|string| String::from_utf8_lossy(string).into_owned()).collect()
}

#[tokio::test]
async fn label_names_are_those_of_accepted_series() {
    let store = store();
    assert_eq!(text(store.label_names(labels_request(&[])).await), ["__name__", "job", "replica", "tenant"]);
    let of_b = labels_request(&[("tenant", Equal, "b")]);
    assert_eq!(text(store.label_names(of_b).await), ["__name__", "replica", "tenant"]);
    let nothing = labels_request(&[("job", Equal, "z")]);
    assert!(text(store.label_names(nothing).await).is_empty());
}

#[tokio::test]
async fn label_values_inner_and_external() {
    let store = store();
    assert_eq!(text(store.label_values(b"job".to_vec(), labels_request(&[])).await), ["x", "y"]);
    assert_eq!(text(store.label_values(b"tenant".to_vec(), labels_request(&[])).await), ["a", "b"]);
    let up = labels_request(&[("__name__", Equal, "up")]);
    assert_eq!(text(store.label_values(b"tenant".to_vec(), up).await), ["a"]);
    let limited = LabelsRequest { limit: Some(1), ..labels_request(&[]) };
    assert_eq!(text(store.label_values(b"__name__".to_vec(), limited).await), ["down"]);
    let error = store.label_values(Vec::new(), labels_request(&[])).await.unwrap_err();
    assert_eq!(error, StoreError::Invalid("label name parameter cannot be empty".to_owned()));
}

#[tokio::test]
async fn labels_left_out_have_neither_name_nor_values() {
    let without = |names: &[&str]| LabelsRequest {
        without_labels: names.iter().map(|name| name.as_bytes().to_vec()).collect(),
        ..labels_request(&[])
    };
    let store = store();
    assert_eq!(text(store.label_names(without(&["tenant", "job"])).await), ["__name__", "replica"]);
    assert!(text(store.label_values(b"tenant".to_vec(), without(&["tenant"])).await).is_empty());
    assert!(text(store.label_values(b"job".to_vec(), without(&["job"])).await).is_empty());
    assert_eq!(text(store.label_values(b"tenant".to_vec(), without(&["job"])).await), ["a", "b"]);
}

#[tokio::test]
async fn info_tells_ranges_and_label_sets() {
    let info = store().info();
    // More will come.
    assert_eq!(info.time_range, TimeRange::new(1, i64::MAX));
    assert_eq!(info.tsdbs[1].range, TimeRange::new(5, i64::MAX).unwrap());
    assert!(info.shards && info.drops_labels);
    assert_eq!(
        info.label_sets,
        [labels(&[("replica", "r"), ("tenant", "a")]), labels(&[("replica", "r"), ("tenant", "b")])]
    );
}
