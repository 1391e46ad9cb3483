//! What Prometheus 3.14 answered, case by case: `testdata/histograms.jsonl`, written by its own code over seeded histograms.
//!
//! Of each a name for the operation, the histograms put in, a number with it, what came out, and what was said of it.

use crate::histogram::fixture::{histogram, text};
use crate::{Added, Bucket, ClassicHistogram, FloatHistogram, HistogramMean, KahanHistogram, Numbers, ShortFloat};
use serde_json::Value;
use std::collections::BTreeMap;

const CASES: &str = include_str!("../../../testdata/histograms.jsonl");

#[test]
fn answers_are_those_of_prometheus() {
    let mut faults = Vec::new();
    let mut seen = BTreeMap::<&str, usize>::new();
    let cases: Vec<Value> = CASES.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for case in &cases {
        let field = |name: &str| case[name].as_str().unwrap_or_default();
        let inputs: Vec<&str> = case["in"].as_array().unwrap().iter().map(|input| input.as_str().unwrap()).collect();
        // Where there are spans without buckets, new buckets may join others; they are the same buckets.
        let exact = !inputs.iter().any(|input| input.ends_with(':') || input.contains(": "));
        let want = match field("out") {
            out if out.starts_with(['s', 'b']) => printed(histogram(out), exact, field("said")),
            out => out.to_owned(),
        };
        let got = answer(field("op"), &inputs, field("arg"), exact);
        if got != want {
            faults.push(format!("{} {inputs:?} {}\n got {got}\nwant {want}", field("op"), field("arg")));
        }
        *seen.entry(field("op")).or_default() += 1;
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
    assert!(seen.len() == OPERATIONS && seen.values().all(|cases| *cases >= 20), "{seen:?}");
}

/// How many operations there are.
const OPERATIONS: usize = 18;

fn printed(mut histogram: FloatHistogram, exact: bool, said: &str) -> String {
    if !exact {
        histogram.compact(0);
    }
    format!("{} {said}", text(&histogram)).trim_end().to_owned()
}

fn answer(operation: &str, inputs: &[&str], arg: &str, exact: bool) -> String {
    if operation == "nhcb" {
        return classic(inputs[0]);
    }
    let mut one = histogram(inputs[0]);
    let other = || histogram(inputs[1]);
    let said = match operation {
        "add" => one.add(other().as_ref()).unwrap(),
        "sub" => one.sub(other().as_ref()).unwrap(),
        "sum" => {
            let mut sum = KahanHistogram::new(one);
            let add = |other: &&str| sum.add(histogram(other).as_ref()).unwrap();
            let said: Vec<Added> = inputs[1..].iter().map(add).collect();
            one = sum.total();
            Added {
                reset_collision: said.iter().any(|said| said.reset_collision),
                bounds_reconciled: said.iter().any(|said| said.bounds_reconciled),
            }
        }
        "avg" => {
            let mut mean = HistogramMean::new(one);
            for other in &inputs[1..] {
                mean.add(histogram(other).as_ref()).unwrap();
            }
            one = mean.mean();
            Added::default()
        }
        "reset" => return one.as_ref().detect_reset(&other().as_ref()).to_string(),
        "string" => return one.to_string(),
        "expression" => return one.test_expression().to_string(),
        "buckets" => return buckets(one.as_ref().buckets()),
        "reverse" => return buckets(one.as_ref().buckets().rev()),
        "equals" => return one.as_ref().is_same(&other().as_ref()).to_string(),
        "size" => return one.as_ref().size_samples().to_string(),
        _ => {
            changed(&mut one, operation, arg);
            Added::default()
        }
    };
    let words = [(said.reset_collision, "collision"), (said.bounds_reconciled, "reconciled")];
    let words: Vec<_> = words.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word).collect();
    printed(one, exact, &words.join(" "))
}

fn buckets(buckets: impl Iterator<Item = Bucket>) -> String {
    let text = |bucket: Bucket| {
        let [lower, upper, count] = [bucket.lower, bucket.upper, bucket.count].map(go_text);
        format!("{} {lower} {upper} {count}", bucket.boundary_code())
    };
    buckets.map(text).collect::<Vec<_>>().join("; ")
}

fn go_text(value: f64) -> String {
    if value.is_infinite() { value.to_string() } else { ShortFloat(value).to_string() }
}

/// Samples of a classic histogram (`0.5:2 inf:3 count:3 sum:1.5`), converted.
fn classic(samples: &str) -> String {
    let mut classic = ClassicHistogram::default();
    for (name, value) in samples.split_whitespace().map(|sample| sample.split_once(':').unwrap()) {
        let value = value.parse().unwrap();
        match name {
            "count" => _ = classic.set_count(value),
            "sum" => classic.set_sum(value),
            bound => _ = classic.set_bucket(bound.parse().unwrap(), value),
        }
    }
    match classic.convert() {
        Ok((histogram, Numbers::Integer)) => format!("int {}", text(&histogram)),
        Ok((histogram, Numbers::Float)) => format!("float {}", text(&histogram)),
        Err(fault) => format!("error {fault}"),
    }
}

fn changed(one: &mut FloatHistogram, operation: &str, arg: &str) {
    let factor = || arg.parse().unwrap();
    match operation {
        "compact0" => one.compact(0),
        "mul" => one.scale(factor()),
        "div" => one.divide(factor()),
        "reduce" => one.reduce_to(arg.parse().unwrap()).unwrap(),
        "upper" => one.trim_upper(factor()),
        "lower" => one.trim_lower(factor()),
        other => panic!("{other:?} is no operation"),
    }
}
