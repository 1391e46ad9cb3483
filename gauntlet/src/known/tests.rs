use super::*;
use clap::Parser;

#[derive(Debug, Clone)]
struct Example;

impl Table for Example {
    const FLAGS: &'static [&'static [Known]] = &[
        &[not_yet("later", Kind::Value, "a"), not_yet("later.switch", Kind::Switch, "false")],
        &[no_effect("tuning", Kind::List, "1,2", "there is nothing to tune")],
    ];
}

#[derive(Debug, Parser)]
#[command(name = "example")]
struct Program {
    #[command(flatten)]
    given: Given<Example>,
}

fn check(args: &[&str], want: Result<&[(&str, &str)], &str>) {
    let args = ["example"].iter().chain(args).map(Into::into);
    let given = flags::parse::<Program>(args).unwrap().flags.given;
    let got = given.check().map(|()| given.flags.iter().map(|(known, value)| (known.name, value.as_str())).collect());
    let got = got.map_err(|refused| refused.name);
    assert_eq!(got.as_ref().map(Vec::as_slice).map_err(|name| *name), want);
}

#[test]
fn only_what_asks_for_something_else_is_refused() {
    check(&[], Ok(&[]));
    check(&["--later=a"], Ok(&[("later", "a")]));
    check(&["--later=b"], Err("later"));
    check(&["--later.switch"], Err("later.switch"));
    check(&["--no-later.switch"], Ok(&[("later.switch", "false")]));
    check(&["--tuning=3", "--tuning=4"], Ok(&[("tuning", "3,4")]));
}
