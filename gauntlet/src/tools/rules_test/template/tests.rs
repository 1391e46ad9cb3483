use super::{External, Template};
use model::Labels;

#[track_caller]
fn check(text: &str, value: f64, want: Result<&str, &str>) {
    let labels = Labels::from_pairs([("job", "api")]).unwrap();
    let external = External { labels: [("region".to_owned(), "eu".to_owned())].into(), url: "http://x".to_owned() };
    let got = Template::parse(text).map(|template| template.expand(&labels, value, &external));
    match (got, want) {
        (Err(error), Err(want)) => assert!(error.starts_with(want), "{error}"),
        (got, want) => assert_eq!(got.as_deref(), want.map_err(|want| want.to_owned()).as_ref().copied(), "{text}"),
    }
}

#[test]
fn templates() {
    check("", 1.0, Ok(""));
    check("plain { text }}", 1.0, Ok("plain { text }}"));
    check("{{ $labels.job }}/{{$labels.none}}: {{ $value }}", 0.5, Ok("api/: 0.5"));
    check("a  {{- .Labels.job -}}  b", 0.5, Ok("aapib"));
    check("a  {{- .Labels.job }} b {{ .Value -}}  c", 3.0, Ok("aapi b 3c"));
    check("{{ $externalLabels.region }} {{ $externalURL }}", 1.0, Ok("eu http://x"));
    check("{{ $value }}", 1e21, Ok("1e+21"));
    check("{{ $value }}", 1e20, Ok("100000000000000000000"));
    check("{{ $value }}", 0.00001, Ok("1e-05"));
    check("{{ $value }}", 0.0, Ok("0"));
    check("{{ $value | humanize }}", 1.0, Err("{{ $value | humanize }} is not known here"));
    check("{{ $labels.job ", 1.0, Err("{{ $labels.job }} is not known here"));
    check("{{ range query \"up\" }}x{{ end }}", 1.0, Err("{{ range query \"up\" }} is not known here"));
}
