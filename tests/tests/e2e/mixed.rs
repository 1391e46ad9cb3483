//! Fleets in which some programs are Thanos': each of ours stands in for Thanos', and each of Thanos' for ours.
//!
//! Thanos is the program that `$THANOS` names; without it each of these stories is skipped.

use crate::fleet::{answers, counters, write_both};
use crate::write_and_query::now_ms;
use e2e::{Fleet, Programs, Series, Topology, binary};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(200);

/// Thanos; `None`: not here, and `story` was told as skipped.
fn thanos(story: &str) -> Option<PathBuf> {
    let found = std::env::var_os("THANOS").map(PathBuf::from).filter(|path| path.exists());
    if found.is_none() {
        testkit::skip(&format!("e2e {story}"), "Thanos in $THANOS", "not there");
    }
    found
}

/// What a querier says of the endpoints it asks, but for when it asked them. Thanos' label sets come in any order.
async fn stores(fleet: &Fleet) -> Value {
    let mut stores = fleet.query.get("/api/v1/stores").await.json()["data"].take();
    for kind in stores.as_object_mut().unwrap().values_mut() {
        for store in kind.as_array_mut().unwrap() {
            store.as_object_mut().unwrap().remove("lastCheck").expect("when it was asked");
            store["labelSets"].as_array_mut().unwrap().sort_by_key(Value::to_string);
        }
        kind.as_array_mut().unwrap().sort_by_key(|store| store["name"].to_string());
    }
    stores
}

/// Waits until the querier answers `wanted`: it hears of time ranges and tenants a little later.
async fn until_answers(fleet: &Fleet, now_ms: i64, wanted: &[Vec<Value>]) {
    let until = Instant::now() + PATIENCE;
    while answers(fleet, now_ms).await != wanted && Instant::now() < until {
        tokio::time::sleep(POLL).await;
    }
    assert_eq!(answers(fleet, now_ms).await, wanted);
}

/// How many samples of `requests_total` each (replica, tenant) holds.
async fn held(fleet: &Fleet, now_ms: i64) -> BTreeMap<(String, String), String> {
    let (expression, time) = ("sum by (replica, tenant_id) (count_over_time(requests_total[2h]))", now_ms / 1000 + 1);
    let asked = fleet.query.request(Method::GET, "/api/v1/query");
    let answer = fleet
        .query
        .send(asked.query(&[("query", expression), ("time", &time.to_string()), ("dedup", "false")]))
        .await
        .json();
    let series = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |of: &Value| {
        let labels = &of["metric"];
        ((text(&labels["replica"]), text(&labels["tenant_id"])), text(&of["value"][1]))
    };
    series.iter().map(one).collect()
}

/// Waits until each of three ingesters holds all of both tenants.
async fn until_all_is_held(fleet: &Fleet, now_ms: i64) {
    let all: BTreeMap<_, _> = (0..3)
        .flat_map(|number| ["a", "b"].map(|tenant| ((format!("ingester-{number}"), tenant.to_owned()), "2410".into())))
        .collect();
    let until = Instant::now() + PATIENCE;
    while held(fleet, now_ms).await != all && Instant::now() < until {
        tokio::time::sleep(POLL).await;
    }
    assert_eq!(held(fleet, now_ms).await, all);
}

/// Both queriers, one after the other, over a fleet of `programs`.
async fn queriers_agree(programs: Programs, thanos: PathBuf) {
    let (dir, now_ms) = (tempfile::tempdir().unwrap(), now_ms());
    let mut fleet = Fleet::of(dir.path(), Topology::three(), programs).await;
    write_both(&fleet, now_ms).await;
    let ours = answers(&fleet, now_ms).await;
    assert_eq!(ours[0].len(), 20, "{:?}", ours[0]);
    let ours_knows = stores(&fleet).await;
    fleet.programs.query = thanos;
    fleet.restart_query().await;
    until_answers(&fleet, now_ms, &ours).await;
    assert_eq!(stores(&fleet).await, ours_knows);
}

#[tokio::test]
async fn both_queriers_answer_the_same_over_our_ingesters_and_store() {
    let Some(thanos) = thanos("both_queriers_answer_the_same_over_our_ingesters_and_store") else { return };
    queriers_agree(Programs::default(), thanos).await;
}

#[tokio::test]
async fn both_queriers_answer_the_same_over_ingesters_and_store_of_thanos() {
    let Some(thanos) = thanos("both_queriers_answer_the_same_over_ingesters_and_store_of_thanos") else { return };
    let programs = Programs { ingester: thanos.clone(), store: thanos.clone(), ..Programs::default() };
    queriers_agree(programs, thanos).await;
}

/// All that a router takes is on each of three ingesters: two tenants by their header, then two in one request.
async fn nothing_is_lost(programs: Programs, router_args: &[&str]) {
    let (dir, now_ms) = (tempfile::tempdir().unwrap(), now_ms());
    let mut router_args: Vec<_> = router_args.iter().map(|&arg| arg.to_owned()).collect();
    let fleet =
        Fleet::of(dir.path(), Topology { router_args: router_args.clone(), ..Topology::three() }, programs.clone())
            .await;
    write_both(&fleet, now_ms).await;
    until_all_is_held(&fleet, now_ms).await;

    let dir = tempfile::tempdir().unwrap();
    router_args.push("--receive.split-tenant-label-name=team".to_owned());
    let fleet = Fleet::of(dir.path(), Topology { router_args, ..Topology::three() }, programs).await;
    let mut both = Vec::new();
    for tenant in ["a", "b"] {
        both.extend(counters("requests_total", now_ms, 60).into_iter().map(|mut series| {
            series.labels.push(("team".to_owned(), tenant.to_owned()));
            series
        }));
    }
    let written = fleet.write("neither", &both).await;
    assert_eq!(written.status, 200, "{written:?}");
    until_all_is_held(&fleet, now_ms).await;
}

#[tokio::test]
async fn nothing_is_lost_between_the_router_of_thanos_and_our_ingesters() {
    let Some(thanos) = thanos("nothing_is_lost_between_the_router_of_thanos_and_our_ingesters") else { return };
    nothing_is_lost(Programs { router: thanos, ..Programs::default() }, &[]).await;
}

#[tokio::test]
async fn nothing_is_lost_between_our_router_and_ingesters_of_thanos() {
    const STORY: &str = "nothing_is_lost_between_our_router_and_ingesters_of_thanos";
    let Some(thanos) = thanos(STORY) else { return };
    let programs = Programs { ingester: thanos.clone(), ..Programs::default() };
    nothing_is_lost(programs.clone(), &["--receive.forward.format=released"]).await;
    match version(&thanos) {
        // Thanos before 0.43 answers OK to the other format and stores nothing.
        Some(version) if version >= (0, 43) => nothing_is_lost(programs, &["--receive.forward.format=head"]).await,
        other => {
            testkit::skip(&format!("e2e {STORY} in the newer format"), "Thanos 0.43 in $THANOS", &format!("{other:?}"))
        }
    }
}

/// Major and minor version, if the program tells one.
fn version(thanos: &Path) -> Option<(u32, u32)> {
    let told = Command::new(thanos).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
    let mut numbers = text
        .split_once("version ")?
        .1
        .split(|char: char| !char.is_ascii_digit())
        .map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// Both stores, one after the other, over what the ingesters of `programs` ship when they are stopped.
async fn stores_agree(programs: Programs, thanos: PathBuf) {
    let (dir, now_ms) = (tempfile::tempdir().unwrap(), now_ms());
    let mut fleet = Fleet::of(dir.path(), Topology::three(), programs).await;
    write_both(&fleet, now_ms).await;
    let before = answers(&fleet, now_ms).await;
    // What Thanos ships when it is stopped ends before the newest millisecond of each tenant: that is one nobody asks for.
    for tenant in ["a", "b"] {
        let newest = Series::new("newest", &[], &[(now_ms + 1, 1.0)]);
        assert_eq!(fleet.write(tenant, &[newest]).await.status, 200);
    }
    for number in 0..3 {
        fleet.stop(number);
        std::fs::remove_dir_all(fleet.ingester_dir(number)).unwrap();
    }
    let shipped = fleet.blocks().len();
    assert!(shipped >= 6, "a block of each tenant of each ingester: {shipped}");
    Fleet::until(&fleet.store, "thanos_bucket_store_blocks_loaded", |loaded| loaded >= shipped as f64).await;
    for number in 0..3 {
        fleet.start_ingester(number).await;
    }
    fleet.until_the_querier_knows(4).await;
    until_answers(&fleet, now_ms, &before).await;
    let ours_knows = stores(&fleet).await;

    fleet.programs.store = thanos;
    fleet.restart_store().await;
    until_answers(&fleet, now_ms, &before).await;
    assert_eq!(stores(&fleet).await["store"], ours_knows["store"]);
}

#[tokio::test]
async fn both_stores_answer_the_same_over_what_our_ingesters_shipped() {
    let Some(thanos) = thanos("both_stores_answer_the_same_over_what_our_ingesters_shipped") else { return };
    stores_agree(Programs::default(), thanos).await;
}

#[tokio::test]
async fn both_stores_answer_the_same_over_what_ingesters_of_thanos_shipped() {
    let Some(thanos) = thanos("both_stores_answer_the_same_over_what_ingesters_of_thanos_shipped") else { return };
    stores_agree(Programs { ingester: thanos.clone(), ..Programs::default() }, thanos).await;
}

/// A directory that `first` wrote and left, killed or not, is taken over by `second`.
async fn takes_over(first: PathBuf, second: PathBuf, killed: bool) {
    let (dir, now_ms) = (tempfile::tempdir().unwrap(), now_ms());
    let topology = Topology { ingesters: 1, replication: 1, ships: false, ..Topology::three() };
    let mut fleet = Fleet::of(dir.path(), topology, Programs { ingester: first, ..Programs::default() }).await;
    write_both(&fleet, now_ms).await;
    let before = answers(&fleet, now_ms).await;
    if killed {
        fleet.kill(0);
    } else {
        fleet.stop(0);
    }
    fleet.programs.ingester = second;
    fleet.start_ingester(0).await;
    fleet.until_the_querier_knows(2).await;
    until_answers(&fleet, now_ms, &before).await;

    let later = counters("requests_total", now_ms + 60_000, 0);
    let written = fleet.write("a", &later).await;
    assert_eq!(written.status, 200, "{written:?}");
    let counted = "sum(count_over_time(requests_total{tenant_id=\"a\"}[2h]))";
    let counted = fleet.answer(counted, now_ms + 60_000).await;
    assert_eq!(counted[0]["value"][1], json!("2420"), "241 of before and one more, of ten: {counted:?}");
}

#[tokio::test]
async fn our_ingester_takes_over_a_directory_of_thanos() {
    let Some(thanos) = thanos("our_ingester_takes_over_a_directory_of_thanos") else { return };
    for killed in [false, true] {
        takes_over(thanos.clone(), binary().to_owned(), killed).await;
    }
}

#[tokio::test]
async fn thanos_takes_over_a_directory_of_our_ingester() {
    let Some(thanos) = thanos("thanos_takes_over_a_directory_of_our_ingester") else { return };
    for killed in [false, true] {
        takes_over(binary().to_owned(), thanos.clone(), killed).await;
    }
}

/// What both tenants' series are answered by `programs`; `None` if there is no Thanos.
async fn answered(test: &str, programs: impl Fn(Programs, PathBuf) -> Programs) -> Option<(TempDir, Fleet)> {
    let thanos = thanos(test)?;
    let dir = tempfile::tempdir().unwrap();
    let now_ms = now_ms();
    let fleet = Fleet::of(dir.path(), Topology::three(), programs(Programs::default(), thanos)).await;
    write_both(&fleet, now_ms).await;
    let got = answers(&fleet, now_ms).await;
    let lengths: Vec<_> = got.iter().map(Vec::len).collect();
    assert_eq!(lengths, [20, 2, 20, 10, 10], "{got:?}");
    // The samples of an hour, whoever took them and whoever was asked.
    assert!(got[3].iter().all(|series| series["value"][1] == "240"), "{:?}", got[3]);
    Some((dir, fleet))
}

#[tokio::test]
async fn a_thanos_querier_asks_our_ingesters_and_store() {
    let test = "a_thanos_querier_asks_our_ingesters_and_store";
    answered(test, |ours, thanos| Programs { query: thanos, ..ours }).await;
}

#[tokio::test]
async fn a_thanos_router_writes_to_our_ingesters() {
    let test = "a_thanos_router_writes_to_our_ingesters";
    answered(test, |ours, thanos| Programs { router: thanos, ..ours }).await;
}

#[tokio::test]
async fn our_router_and_querier_stand_over_thanos_ingesters() {
    let test = "our_router_and_querier_stand_over_thanos_ingesters";
    answered(test, |ours, thanos| Programs { ingester: thanos, ..ours }).await;
}

#[tokio::test]
async fn a_thanos_store_serves_what_our_ingesters_shipped() {
    let test = "a_thanos_store_serves_what_our_ingesters_shipped";
    let Some((_dir, mut fleet)) = answered(test, |ours, thanos| Programs { store: thanos, ..ours }).await else {
        return;
    };
    let now_ms = now_ms();
    for number in 0..3 {
        fleet.stop(number);
    }
    let count = "count(count_over_time(requests_total[2h]))";
    fleet.until_found("requests_total offset 10m", now_ms, 20).await;
    assert_eq!(fleet.answer(count, now_ms).await[0]["value"][1], "20");
}
