use super::Format;

#[track_caller]
fn check(accept: &str, want: Format) {
    assert_eq!(Format::negotiate(accept), want, "{accept}");
}

#[test]
fn text_unless_asked_otherwise() {
    check("", Format::Text);
    check("application/json", Format::Text);
    check("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text);
    check("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4", Format::Text);
}

#[test]
fn protobuf_where_it_weighs_most() {
    const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    check(PROTOBUF, Format::Protobuf);
    check(&format!("{PROTOBUF};q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), Format::Protobuf);
    check(&format!("{PROTOBUF};q=0.4,text/plain;version=0.0.4;q=0.5"), Format::Text);
    check("application/vnd.google.protobuf;proto=other", Format::Text);
    check(&format!("{PROTOBUF};q=x"), Format::Text);
}
