use super::*;

fn fleet() -> Vec<Member> {
    let mut next = 1000;
    let mut port = || {
        next += 1;
        Ok(next)
    };
    plan(Path::new("/demo"), Ports::from(&mut port).unwrap())
}

fn named(name: &str) -> Member {
    fleet().into_iter().find(|member| member.name == name).unwrap()
}

#[test]
fn every_member_has_ports_of_its_own() {
    let mut addresses: Vec<_> = fleet().iter().flat_map(|member| member.args.clone()).collect();
    addresses.retain(|arg| arg.starts_with("--http-address") || arg.starts_with("--grpc-address"));
    addresses.iter_mut().for_each(|arg| *arg = arg.split('=').nth(1).unwrap().to_owned());
    let count = addresses.len();
    addresses.sort();
    addresses.dedup();
    assert_eq!((count, addresses.len()), (12, 12));
}

#[test]
fn the_router_and_the_querier_know_the_ingesters() {
    let grpc = |member: &Member| member.args[2].split('=').nth(1).unwrap().to_owned();
    let (router, query) = (named("router"), named("query"));
    let (path, ring) = &router.files[0];
    assert!(router.args.contains(&format!("--receive.hashrings-file={}", path.display())));
    for name in INGESTER_NAMES {
        let address = grpc(&named(name));
        assert!(ring.contains(&format!("\"{address}\"")), "{name}: {ring}");
        assert!(query.args.contains(&format!("--endpoint={address}")), "{name}");
    }
    assert!(query.args.contains(&format!("--endpoint={}", grpc(&named("store")))));
}

#[test]
fn they_read_as_command_lines() {
    for member in fleet() {
        let args = ["gauntlet".to_owned()].into_iter().chain(member.args).map(Into::into);
        assert!(flags::parse::<crate::cli::Cli>(args).is_ok(), "{}", member.name);
    }
}
