use super::*;

#[track_caller]
fn check(text: &str, want: Result<(Lookup, &str, Option<u16>), InvalidEndpoint>) {
    let parsed = EndpointAddress::parse(text);
    let want = want.map(|(lookup, host, port)| EndpointAddress::Dns(DnsName { lookup, host: host.to_owned(), port }));
    assert_eq!(parsed, want);
    if let Ok(EndpointAddress::Dns(name)) = parsed {
        assert_eq!(name.to_string(), text);
    }
}

#[test]
fn names_to_look_up() {
    check("dns+stores.ns.svc:10901", Ok((Lookup::Host, "stores.ns.svc", Some(10901))));
    check("dnsdualstack+stores:10901", Ok((Lookup::DualStack, "stores", Some(10901))));
    check("dnssrv+_grpc._tcp.stores", Ok((Lookup::Service, "_grpc._tcp.stores", None)));
    check("dnssrv+_grpc._tcp.stores:9", Ok((Lookup::Service, "_grpc._tcp.stores", Some(9))));
    check("dnssrvnoa+_grpc._tcp.stores", Ok((Lookup::ServiceNames, "_grpc._tcp.stores", None)));
    let owned = str::to_owned;
    check("dns+stores", Err(InvalidEndpoint::NoPort(owned("dns+stores"))));
    check("dns+stores:x", Err(InvalidEndpoint::Port(owned("dns+stores:x"), owned("x"))));
    check("dns+stores:70000", Err(InvalidEndpoint::Port(owned("dns+stores:70000"), owned("70000"))));
    check("dns+:1", Err(InvalidEndpoint::NoHost(owned("dns+:1"))));
    check("dnz+a:1", Err(InvalidEndpoint::Lookup(owned("dnz+a:1"), owned("dnz"))));
}

#[test]
fn addresses() {
    let fixed = |address: &str, strict| Ok(EndpointAddress::Static { address: address.to_owned(), strict });
    assert_eq!(EndpointAddress::parse("10.0.0.1:10901"), fixed("10.0.0.1:10901", false));
    assert_eq!(EndpointAddress::parse_strict("[::1]:10901"), fixed("[::1]:10901", true));
    assert_eq!(EndpointAddress::parse(""), Err(InvalidEndpoint::NoHost(String::new())));
    let text = "dns+a:1".to_owned();
    assert_eq!(EndpointAddress::parse_strict("dns+a:1"), Err(InvalidEndpoint::StrictLookup(text)));
}
