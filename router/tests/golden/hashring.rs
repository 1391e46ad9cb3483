//! Rings of Thanos: where each series goes, and which files are refused.

use model::{Label, ring_hash};
use router::hashring::{Algorithm, GoRand, RingConfig, RingError, Rings, TenantMatch, TenantRing, shard_seed};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

fn lines(path: PathBuf) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn golden(test: &str, file: &str) -> Option<Vec<Value>> {
    Some(lines(testkit::golden(&format!("router {test}"), &format!("hashring/{file}.jsonl"))?))
}

fn list(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

fn text(of: &Value) -> &str {
    of.as_str().unwrap()
}

fn factor(case: &Value) -> usize {
    usize::try_from(case["replication_factor"].as_u64().unwrap()).unwrap()
}

fn parse(case: &Value, file: &[u8]) -> Result<Rings, RingError> {
    let algorithm = case["algorithm_flag"].as_str().unwrap_or("ketama");
    Rings::parse(file, Algorithm::named(algorithm), factor(case))
}

fn hash(series: &Value, tenant: &str) -> u64 {
    let labels = list(&series["labels"]).iter();
    ring_hash(
        tenant.as_bytes(),
        labels.map(|pair| Label { name: text(&pair[0]).as_bytes(), value: text(&pair[1]).as_bytes() }),
    )
}

#[test]
fn hashes_of_series() {
    let Some(series) = golden("hashes_of_series", "series") else { return };
    let mut looked_at = 0;
    for one in &series {
        for (tenant, want) in one["hash"].as_object().unwrap() {
            assert_eq!(format!("{:016x}", hash(one, tenant)), text(want), "{one}");
            looked_at += 1;
        }
    }
    assert!(looked_at > 1000, "{looked_at} hashes");
}

#[test]
fn places_of_series() {
    let (Some(series), Some(cases)) = (golden("places_of_series", "series"), golden("places_of_series", "rings"))
    else {
        return;
    };
    let mut looked_at = 0;
    for case in &cases {
        let rings = parse(case, case["file"].to_string().as_bytes()).unwrap();
        for (tenant, placement) in case["placement"].as_object().unwrap() {
            looked_at += places(case, &rings, &series, tenant, placement);
        }
        for tenant in case["errors"].as_object().into_iter().flatten().map(|(tenant, _)| tenant) {
            let asked = usize::try_from(case["n_asked"].as_u64().unwrap()).unwrap();
            let place = rings.of_tenant(tenant).and_then(|ring| ring.nodes(1, asked, &mut Vec::new()));
            assert!(place.is_err(), "{} {tenant}", case["name"]);
        }
        sections(case, &rings);
        shards(case, &rings);
    }
    assert!(looked_at > 10_000, "{looked_at} places");
}

/// Compares the places of the series of one tenant; returns how many there are.
fn places(case: &Value, rings: &Rings, series: &[Value], tenant: &str, placement: &Value) -> usize {
    let ring = rings.of_tenant(tenant).unwrap();
    let mut looked_at = 0;
    for (id, replicas) in list(placement).iter().enumerate() {
        let hash = hash(&series[id], tenant);
        for (replica, want) in list(replicas).iter().enumerate() {
            let want = text(&case["nodes"][usize::try_from(want.as_u64().unwrap()).unwrap()]);
            let node = ring.node(hash, replica).unwrap();
            let name = &case["name"];
            assert_eq!(rings.nodes()[node as usize].address, want, "{name} {tenant} {id} {replica}");
            looked_at += 1;
        }
    }
    looked_at
}

fn sections(case: &Value, rings: &Rings) {
    let Some(want) = case["sections"].as_object() else { return };
    let ring = rings.of_tenant("any").unwrap();
    let address = |node: &u32| rings.nodes()[*node as usize].address.as_str();
    let (mut count, mut all, mut first) = (0, String::new(), Vec::new());
    for (hash, replicas) in ring.sections() {
        let replicas: Vec<_> = replicas.iter().map(address).collect();
        let line = format!("{hash:016x} {} {}", replicas[0], replicas.join(","));
        writeln!(all, "{line}").unwrap();
        if first.len() < list(&want["first"]).len() {
            first.push(line);
        }
        count += 1;
    }
    assert_eq!(count, want["count"].as_u64().unwrap(), "{}", case["name"]);
    let recorded: Vec<_> = list(&want["first"]).iter().map(text).collect();
    assert_eq!(first, recorded, "{}", case["name"]);
    assert_eq!(hex(&Sha256::digest(all)), text(&want["sha256"]), "{}", case["name"]);
}

fn shards(case: &Value, rings: &Rings) {
    for (tenant, want) in case["shards"].as_object().into_iter().flatten() {
        let ring = rings.of_tenant(tenant).unwrap();
        let nodes: BTreeSet<_> = ring.sections().flat_map(|(_, replicas)| replicas.to_vec()).collect();
        let mut addresses: Vec<_> = nodes.iter().map(|node| &*rings.nodes()[*node as usize].address).collect();
        addresses.sort_unstable();
        assert_eq!(addresses, list(want).iter().map(text).collect::<Vec<_>>(), "{} {tenant}", case["name"]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn files() {
    let Some(cases) = golden("files", "files") else { return };
    for case in &cases {
        let file = text(&case["file"]);
        let rings = parse(case, file.as_bytes());
        let refused = !(case["load_error"].is_null() && case["ring_error"].is_null() && case["ring_panic"].is_null());
        assert_eq!(rings.is_err(), refused, "{file}: {rings:?}");
        match rings {
            Ok(rings) => {
                let hash = case["config_hash"].as_u64().unwrap();
                assert_eq!(rings.config_hash(), hash, "{file}");
                for (config, want) in rings.configs().zip(list(&case["parsed"])) {
                    config_is(config, want, file);
                }
                assert_eq!(rings.configs().count(), list(&case["parsed"]).len(), "{file}");
            }
            Err(error) => assert_eq!(
                matches!(error, RingError::File(_)),
                !case["load_error"].is_null(),
                "{file} is refused for what it says, or for what it means: {error}"
            ),
        }
    }
    assert!(cases.len() > 50, "{} files", cases.len());
}

fn config_is(config: &RingConfig, want: &Value, file: &str) {
    let string = |name: &str| want[name].as_str().unwrap_or_default();
    assert_eq!((&*config.name, &*config.algorithm), (string("hashring"), string("algorithm")), "{file}");
    let matcher = match string("tenant_matcher_type") {
        "" => TenantMatch::Unset,
        "exact" => TenantMatch::Exact,
        "glob" => TenantMatch::Glob,
        _ => TenantMatch::Unknown,
    };
    assert_eq!(config.tenant_match, matcher, "{file}");
    assert!(config.tenants.iter().eq(list(&want["tenants"]).iter().map(text)), "{file}");
    let label = |(name, value): (&String, &Value)| (name.clone(), text(value).to_owned());
    let labels = want["external_labels"].as_object().into_iter().flatten().map(label).collect();
    assert_eq!(config.external_labels, labels, "{file}");
    let shuffle = &want["shuffle_sharding_config"];
    let sizes = (config.shuffle.shard_size, config.shuffle.cache_size);
    assert_eq!(sizes, (shuffle["shard_size"].as_i64().unwrap(), shuffle["cache_size"].as_i64().unwrap()), "{file}");
    assert_eq!(Some(config.shuffle.zone_awareness_disabled), shuffle["zone_awareness_disabled"].as_bool(), "{file}");
    assert_eq!(config.shuffle.overrides.len(), list(&shuffle["overrides"]).len(), "{file}");
    assert_eq!(config.endpoints.len(), list(&want["endpoints"]).len(), "{file}");
    // Go reads the second list into what the first one left: the port of Cap'n Proto stays that of another host.
    let twice = file.contains("1\"],\"endpoints\"");
    for (endpoint, want) in config.endpoints.iter().zip(list(&want["endpoints"])) {
        assert_eq!((&*endpoint.address, &*endpoint.zone), (text(&want["address"]), text(&want["az"])), "{file}");
        assert_eq!(twice, endpoint.capnproto_address != text(&want["capnproto_address"]), "{file}");
    }
}

#[test]
fn rings_that_thanos_never_builds() {
    let Some(cases) = golden("rings_that_thanos_never_builds", "never_built") else { return };
    for case in &cases {
        let rings = parse(case, case["file"].to_string().as_bytes());
        match case["built"].as_bool().unwrap() {
            true => assert!(rings.is_ok(), "{case}: {rings:?}"),
            false => assert!(matches!(rings, Err(RingError::UnevenZones { .. })), "{case}: {rings:?}"),
        }
    }
    assert!(cases.len() > 5, "{} cases", cases.len());
}

#[test]
fn seeds_of_shards() {
    let Some(cases) = golden("seeds_of_shards", "shuffle_seeds") else { return };
    for case in &cases {
        let seed = shard_seed(text(&case["tenant"]), text(&case["zone"]));
        assert_eq!(seed.to_string(), text(&case["seed"]), "{case}");
        draws(&mut GoRand::new(seed), &case["draws"]);
    }
    assert!(cases.len() > 100, "{} seeds", cases.len());
}

#[test]
fn generator() {
    let Some(cases) = golden("generator", "go_rand") else { return };
    for case in &cases {
        let mut random = GoRand::new(text(&case["seed"]).parse().unwrap());
        draws(&mut random, &case["uint64"]);
        let mut random = GoRand::new(text(&case["seed"]).parse().unwrap());
        let all: String = (0..1300).map(|_| format!("{:016x}\n", random.next_u64())).collect();
        assert_eq!(hex(&Sha256::digest(all)), text(&case["sha256_of_1300_lines"]), "{case}");
    }
    assert!(cases.len() > 10, "{} seeds", cases.len());
}

fn draws(random: &mut GoRand, want: &Value) {
    for draw in list(want) {
        assert_eq!(format!("{:016x}", random.next_u64()), text(draw));
    }
    assert!(!list(want).is_empty());
}

/// Every place a ring gives is one of its nodes, and no replica comes twice.
#[test]
fn replicas_are_distinct() {
    let file = br#"[{"endpoints":["a:1","b:1","c:1","d:1"]}]"#;
    for algorithm in [Algorithm::Hashmod, Algorithm::Ketama] {
        let rings = Rings::parse(file, algorithm, 3).and_then(|rings| rings.validate(true)).unwrap();
        let ring: TenantRing<'_> = rings.of_tenant("t").unwrap();
        for step in 0..1000u64 {
            let (hash, mut nodes) = (step.wrapping_mul(0x9e37_79b9_7f4a_7c15), Vec::new());
            ring.nodes(hash, 3, &mut nodes).unwrap();
            assert_eq!(nodes.iter().collect::<BTreeSet<_>>().len(), 3);
            let one_by_one: Vec<_> = (0..3).map(|replica| ring.node(hash, replica).unwrap()).collect();
            assert_eq!(nodes, one_by_one);
        }
    }
}

#[test]
fn files_under_which_writes_would_be_lost_are_refused() {
    let check = |file: &str, stores: bool| {
        Rings::parse(file.as_bytes(), Algorithm::Hashmod, 2).and_then(|rings| rings.validate(stores)).err()
    };
    assert!(matches!(check(r#"[{"endpoints":["a:1"]}]"#, false), Some(RingError::TooFewEndpoints { .. })));
    assert!(matches!(check(r#"[{"endpoints":["a:1","a:1","b:1"]}]"#, false), Some(RingError::SameAddress { .. })));
    let labelled = r#"[{"endpoints":["a:1","b:1"],"external_labels":{"a":"b"}}]"#;
    assert!(matches!(check(labelled, true), Some(RingError::ExternalLabels { .. })));
    assert_eq!(check(labelled, false), None);
}
