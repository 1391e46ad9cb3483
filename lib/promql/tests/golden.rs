//! What the parser of Prometheus 3.14 made of nine thousand texts: tree, positions, printed form, or the first error.
#![allow(clippy::unwrap_used, reason = "a recording that is not as its README says is a failed test")]

#[path = "golden/described.rs"]
mod described;
#[path = "golden/tree.rs"]
mod tree;

use promql::testlang::parse_series;
use promql::{Limits, ParseOptions, Pretty, parse, parse_selector};
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;

/// All switches on.
const EVERYTHING: ParseOptions = ParseOptions {
    experimental_functions: true,
    duration_expressions: true,
    extended_range_selectors: true,
    fill_modifiers: true,
    limits: Limits { length_bytes: 64 << 10, terms: 4096 },
};

/// The lines of a recording, or none (and the test is told as skipped).
fn lines(test: &str, name: &str, at_least: usize) -> Vec<Value> {
    let Some(file) = testkit::golden(test, &format!("promql/{name}")) else { return Vec::new() };
    let lines: Vec<Value> = text(&file).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= at_least, "{name} has {} lines only", lines.len());
    lines
}

fn text(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap();
    let mut text = String::new();
    if file.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text
}

/// What differs between `text` as parsed here and as recorded; `None` if nothing does.
fn difference(text: &str, recorded: &Value) -> Option<String> {
    match (parse(text, &EVERYTHING), recorded.get("error")) {
        (Err(err), Some(error)) => {
            let first = recorded.get("errors").map_or(&recorded["pos"], |errors| &errors[0]);
            let start = first.get("start").unwrap_or(&first[0]).as_u64().unwrap() as usize;
            let end = first.get("end").unwrap_or(&first[1]).as_u64().unwrap() as usize;
            let got = (err.to_string(), err.span.start, err.span.end);
            let want = (error.as_str().unwrap().to_owned(), start, end);
            (got != want).then(|| format!("{text:?}\n   got {got:?}\n  want {want:?}"))
        }
        (Ok(expr), None) => {
            let got = json!({
                "ast": tree::expr(&expr),
                "print": expr.to_string(),
                "pretty": Pretty(&expr).to_string(),
                "type": expr.value_type().to_string(),
            });
            let want = json!({
                "ast": recorded["ast"],
                "print": recorded["print"],
                "pretty": recorded.get("pretty").unwrap_or(&recorded["print"]),
                "type": recorded["type"],
            });
            (!tree::same(&got, &want)).then(|| format!("{text:?}\n   got {got}\n  want {want}"))
        }
        (Err(err), None) => Some(format!("{text:?}\n   got error {err}\n  want {}", recorded["print"])),
        (Ok(expr), Some(error)) => Some(format!("{text:?}\n   got {expr}\n  want error {error}")),
    }
}

/// Recorded texts of which something else is made here on purpose.
const EXCEPTIONS: [(&str, &[&str]); 1] = [(
    "an offset of NaN becomes the least of all in Go and is printed with two signs; here with one, of the same value",
    &["x offset nan", "x offset NaN", "x offset NAN", "x offset nAn", "x offset -nan"],
)];

#[test]
fn trees() {
    let mut differences = Vec::new();
    for line in lines("parse", "parse.jsonl.gz", 8000) {
        let text = line["in"].as_str().unwrap();
        if EXCEPTIONS.iter().any(|(_, texts)| texts.contains(&text)) {
            assert!(difference(text, &line).is_some(), "{text} is no exception any more");
            continue;
        }
        differences.extend(difference(text, &line));
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn parse_gates() {
    for line in lines("parse_gates", "parse-gates.jsonl", 50) {
        let text = line["in"].as_str().unwrap();
        for (switch, want) in line["results"].as_object().unwrap() {
            let default = ParseOptions::default();
            let options = match switch.as_str() {
                "none" => ParseOptions { duration_expressions: false, ..default },
                "default" => default,
                "experimental-functions" => ParseOptions { experimental_functions: true, ..default },
                "extended-range-selectors" => ParseOptions { extended_range_selectors: true, ..default },
                "binop-fill" => ParseOptions { fill_modifiers: true, ..default },
                other => panic!("unknown switch {other}"),
            };
            let got = match parse(text, &options) {
                Ok(expr) => format!("ok: {expr}"),
                Err(err) => format!("error: {err}"),
            };
            assert_eq!(got, want.as_str().unwrap(), "{text} with {switch}");
        }
    }
}

#[test]
fn selectors() {
    for line in lines("selectors", "selectors.jsonl", 100) {
        let text = line["in"].as_str().unwrap();
        match parse_selector(text, &ParseOptions::default()) {
            Ok(matchers) => assert_eq!(tree::matchers(&matchers), line["matchers"], "{text}"),
            Err(err) => assert_eq!(err.to_string(), line["selector_error"].as_str().unwrap_or("none"), "{text}"),
        }
    }
}

/// The expressions that the `.test` files evaluate, those whose evaluation fails included.
#[test]
fn test_files() {
    let Some(folder) = testkit::golden("test_files", "../promqltest") else { return };
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "test") {
            continue;
        }
        for expr in text(&file).lines().filter_map(evaluated) {
            seen += 1;
            assert!(difference_of_print(expr).is_none(), "{}: {expr}", file.display());
        }
    }
    assert!(seen > 2000, "only {seen} evaluations");
}

/// The expression behind `eval… instant [at TIME]` or `eval… range from TIME to TIME step TIME`.
fn evaluated(line: &str) -> Option<&str> {
    let (command, rest) = line.trim().split_once(char::is_whitespace)?;
    if !command.starts_with("eval") {
        return None;
    }
    let (kind, mut rest) = rest.trim_start().split_once(char::is_whitespace)?;
    let words: &[&str] = if kind == "range" { &["from", "to", "step"] } else { &["at"] };
    for word in words {
        if let Some(behind) = rest.trim_start().strip_prefix(word).filter(|behind| behind.starts_with(' ')) {
            rest = behind.trim_start().split_once(char::is_whitespace)?.1;
        }
    }
    Some(rest.trim())
}

/// What `text` prints as, if that is not parsed again as what prints the same.
fn difference_of_print(text: &str) -> Option<String> {
    let print = |text: &str| parse(text, &EVERYTHING).map_or_else(|err| err.to_string(), |expr| expr.to_string());
    let printed = print(text);
    (print(&printed) != printed).then_some(printed)
}

#[test]
fn numbers() {
    let print = |text: &str| match parse(text, &EVERYTHING) {
        Ok(expr) => expr.to_string(),
        Err(err) => err.to_string(),
    };
    for line in lines("numbers", "numbers.jsonl", 1000) {
        let text = line["in"].as_str().unwrap_or_default();
        let check = |text: &str, value: &str, error: &str| {
            let want = line.get(value).or(line.get(error)).unwrap_or(&Value::Null);
            assert_eq!(json!(print(text)), *want, "{line}");
        };
        match line["kind"].as_str().unwrap() {
            // No number but a name: it prints as it is.
            "parse_float" if line.get("promql_other").is_some() => assert_eq!(print(text), text),
            "parse_float" => check(text, "promql_print", "promql_error"),
            "duration" => {
                check(&format!("x[{text}]"), "range_print", "range_error");
                check(&format!("x offset {text}"), "offset_print", "offset_error");
            }
            "float" => {
                let bits = u64::from_str_radix(line["bits"].as_str().unwrap(), 16).unwrap();
                let number = promql::ast::Number { value: f64::from_bits(bits), is_duration: false };
                assert_eq!(number.to_string(), line["f"].as_str().unwrap());
                let filled = parse(&format!("x + fill_left({number}) y"), &EVERYTHING).unwrap();
                assert_eq!(filled.to_string(), format!("x + fill_left ({}) y", line["v"].as_str().unwrap()));
            }
            _ => {}
        }
    }
}

/// Descriptions of series: labels, values, and the words in which others are refused.
#[test]
fn series_descriptions() {
    let mut differences = Vec::new();
    for line in lines("series_descriptions", "seriesdesc.jsonl", 900) {
        let text = line["in"].as_str().unwrap();
        let got = match parse_series(text, 1 << 20) {
            Ok(series) => {
                json!({ "in": text, "labels": described::labels(&series), "values": described::values(&series) })
            }
            Err(err) => json!({ "in": text, "error": err.to_string() }),
        };
        if got != line {
            differences.push(format!("   got {got}\n  want {line}"));
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}
