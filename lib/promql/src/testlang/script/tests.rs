use super::{Command, Script};

/// Where and why a script is refused.
#[track_caller]
fn check(text: &str, want: &str) {
    let got = Script::parse_within(text, 100).map_or_else(|error| error.to_string(), |_| "it is a script".to_owned());
    assert_eq!(got, want, "{text:?}");
}

const SOUND: &str = "it is a script";

#[test]
fn commands() {
    check("", SOUND);
    check("# nothing\n\n  \t# more\nclear\nCLEAR", SOUND);
    check("clean", "1:1: invalid command \"clean\"");
    check("clear\n  x 1", "2:3: invalid command \"x 1\"");
}

#[test]
fn loads() {
    check("load 5m\n  x 1+1x5\n\nload_with_nhcb 1m30s", SOUND);
    check("load", "1:1: invalid load command. (load[_with_nhcb] <step:duration>)");
    check("LOAD 5m", "1:1: invalid load command. (load[_with_nhcb] <step:duration>)");
    check("load_with_hcb 5m", "1:1: invalid load command. (load[_with_nhcb] <step:duration>)");
    check("load 5 m", "1:1: invalid step definition \"5 m\": unknown unit \" m\" in duration \"5 m\"");
    check("load -5m", "1:1: invalid step definition \"-5m\": not a valid duration string: \"-5m\"");
    check("load 5m\n\n\n  x 1", "4:3: invalid command \"x 1\"");
    check("load 5m\n  x 1\n\ty{a=1} 1", "3:6: unexpected character inside braces: '1'");
    check("load 5m\n  x 1x98\n  y 1x98", "3:7: 99 more values are more than there may be");
    check("load 290y\n  x 1x90", "2:3: the last sample is later than times go");
}

#[test]
fn start_timestamps() {
    check("load 5m\n  x@st -1m 0s _x2 1m+1sx3 -1mx0\n  x 1x8", SOUND);
    check("load 5m\n  x@st -1m", "2:3: @st line has no following sample line");
    check("load 5m\n  x@st -1m\n  x@st -1m\n  x 1", "2:3: @st line has no following sample line");
    check("load 5m\n  x@st -1m\n  y 1", "2:3: @st metric does not match the following sample line metric");
    check("load 5m\n  x@st -1m\n  x 1 2", "2:3: @st line has 1 values but sample line has 2");
    check(
        "load 5m\n  x@st 1mx1000\n  x 1",
        "2:3: invalid ST item \"1mx1000\": 1001 more values are more than there may be",
    );
    for (item, why) in [
        ("m", "expected digits in duration \"m\""),
        ("1q", "invalid duration \"1q\": unknown unit \"q\" in duration \"1q\""),
        ("1", "invalid duration \"1\": not a valid duration string: \"1\""),
        ("1m!", "unexpected character '!' after duration"),
        ("1m+1s", "expected 'x<count>' after step duration"),
        ("1m+x3", "invalid step duration: expected digits in duration \"x3\""),
        ("1mxy", "invalid repeat count"),
        ("_x0", "invalid repeat count"),
        ("1mé", "unexpected character 'é' after duration"),
    ] {
        check(&format!("load 5m\n  x@st {item}\n  x 1"), &format!("2:3: invalid ST item {item:?}: {why}"));
    }
}

#[test]
fn evaluations() {
    check("eval instant at 0 1\n  1\n", SOUND);
    check("eval_ordered instant at 1m30s x\n  x 1\n  y -2\n", SOUND);
    check("eval_warn range from 0 to 5m step 1m x\n  x 1 _ {{sum:1}}\n", SOUND);
    check("eval instant at 5m x\n  expect range vector from 0 to 5m step 1m\n  x 1 2\n", SOUND);
    check("eval_fail instant at 0 x\n  expected_fail_message a b\n", SOUND);
    let malformed = "1:1: invalid evaluation command. Must be either 'eval[_fail|_warn|_ordered|_info] instant at <time> \
                     <query>' or 'eval[_fail|_warn|_info] range from <from> to <to> step <step> <query>'";
    for text in
        ["eval", "eval instant", "eval instant x", "eval instant at 5m", "eval soon x", "evaluate instant at 0 x"]
    {
        check(text, malformed);
    }
    check("eval_ordered range from 0 to 1m step 1m x", malformed);
    check("eval range from 0 to 1m x", malformed);
    check("eval instant at x x", "1:1: invalid timestamp definition \"x\": not a valid duration string: \"x\"");
    let backwards = "1:1: invalid test definition, end timestamp is before start timestamp";
    check("eval range from 1m to 0 step 1m x", backwards);
    check("eval range from 0 to 1m step 0 x", "1:1: the step of a range must be greater than 0");
    check("eval range from 0 to 1d step 1s x", "1:1: a range may have 11000 steps");
    check("  eval instant at 0  x +", "1:25: unexpected end of input");
    // After a number the block is over.
    check("eval instant at 0 1\n  1\n  x 1", "3:3: invalid command \"x 1\"");
    let several = "an instant evaluation gives one value a series, unless there is an 'expect range vector' line";
    check("eval instant at 0 x\n  x 1 2", &format!("2:3: {several}"));
    check("eval instant at 0 x\n  x", "2:3: a series needs a value");
}

#[test]
fn expectations() {
    let check = |lines: &str, want: &str| check(&format!("eval instant at 0 x\n{lines}"), want);
    check("expect fail msg: it failed\n", SOUND);
    check("expect warn regex: a.*b\nexpect warn\nexpect no_info\nexpect ordered\nx 1\n", SOUND);
    check("expect string \"a b\"\n", SOUND);
    check("expect string `\"`\n", SOUND);
    // A metric may be called like that.
    check("expect{} 1\n", SOUND);
    check(
        "expect warn regex: a(b",
        "2:1: invalid regex a(b: error parsing regexp: missing closing ): `^(?s:.*(?:a(b).*)$`",
    );
    let form = "2:1: invalid expect statement, must match `expect <type> [msg:<text> | regex:<pattern>]`";
    for text in ["expect", "expect nothing", "expect fail it failed", "expect fail msg:"] {
        check(text, form);
    }
    check("expect fail\nexpect fail", "3:1: invalid expect lines, multiple expect fail lines are not allowed");
    let both = "invalid expect lines, warn and no_warn cannot be used together";
    check("expect warn\nexpect no_warn", &format!("3:1: {both}"));
    let both = "invalid expect lines, info and no_info cannot be used together";
    check("expect no_info\nexpect info", &format!("3:1: {both}"));
    let quoted = "2:1: expected string literal not valid - check that the string is correctly quoted";
    for text in ["expect string", "expect string a", "expect string \"a", "expect string 'a'"] {
        check(text, quoted);
    }
    check(
        "expect range vector from 0 to 1m",
        "2:1: invalid range vector definition \"expect range vector from 0 to 1m\"",
    );
}

#[test]
fn a_range_vector_moves_the_time() {
    let script = Script::parse("eval instant at 1m x\nexpect range vector from 10s to 40s step 10s\nx 1\n").unwrap();
    let [Command::Eval(eval)] = script.commands.as_slice() else { panic!("{script:?}") };
    let times = eval.times;
    assert_eq!((times.start_ms, times.end_ms, times.step_ms, times.is_range), (10_000, 40_000, 10_000, false));
    assert_eq!(script.evaluations(), 1);
}
