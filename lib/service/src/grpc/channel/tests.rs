use super::{ClientError, ClientMetrics, ClientOptions, GrpcChannel};
use crate::grpc::Descriptors;
use telemetry::Registry;

#[test]
fn addresses() {
    let metrics = ClientMetrics::new(&Registry::default(), &Descriptors::parse(&[]).unwrap());
    let host = |address: &str| match GrpcChannel::new(address, &ClientOptions::default(), &metrics) {
        Ok(channel) => {
            let connector = &channel.snappy.inner().link.connector;
            Some(format!("{} {}", connector.host, connector.port))
        }
        Err(ClientError::Address(bad)) => {
            assert_eq!(bad.0, address);
            None
        }
        Err(err) => panic!("{address}: {err}"),
    };
    for (address, want) in [
        ("localhost:10901", Some("localhost 10901")),
        ("a.b.svc.cluster.local:1", Some("a.b.svc.cluster.local 1")),
        ("[::1]:10901", Some("::1 10901")),
        ("127.0.0.1:65535", Some("127.0.0.1 65535")),
        ("127.0.0.1", None),
        ("127.0.0.1:65536", None),
        (":10901", None),
        ("", None),
        ("user@host:1", None),
        ("http://host:1", None),
        ("host:1/path", None),
        ("::1:10901", None),
    ] {
        assert_eq!(host(address).as_deref(), want, "{address}");
    }
}
