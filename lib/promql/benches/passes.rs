//! What each pass of the planner spares: queries it is made for, whole, with all passes (`with`) and with all but that one
//! (`without`).
//!
//! 64 series of 720 samples, one every 30 seconds, over 700 steps, in one batch for each select. Decoding is left out, the
//! columns are copied.
#![allow(clippy::unwrap_used, reason = "bench code")]

use criterion::{Criterion, criterion_group, criterion_main};
use model::{Labels, LabelsRef, SampleColumns};
use promql::ast::Expr;
use promql::{BatchError, Output, ParseOptions, Passes, Query, QueryParams, Select, SeriesBatch};
use std::hint::black_box;

const SCRAPE_MS: i64 = 30_000;

type Series = (Labels, SampleColumns);

/// Those series that a select asks for.
#[derive(Debug)]
struct Batch<'a>(Vec<&'a Series>);

impl SeriesBatch for Batch<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, index: usize) -> LabelsRef<'_> {
        self.0[index].0.as_ref()
    }

    fn samples(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        columns.clone_from(&self.0[index].1);
        Ok(())
    }

    fn size_bytes(&self) -> usize {
        self.0.len() * 720 * 16
    }
}

/// Counters of two zones.
fn series() -> Vec<Series> {
    let one = |n: usize| {
        let labels = [("__name__", "x".to_owned()), ("pod", format!("pod-{n:03}")), ("zone", format!("{}", n % 2))];
        let mut columns = SampleColumns::default();
        (0..720).for_each(|sample| columns.push(sample * SCRAPE_MS + n as i64 * 7, (sample * sample) as f64));
        (Labels::from_pairs(labels).unwrap(), columns)
    };
    (0..64).map(one).collect()
}

fn select<'a>(all: &'a [Series], select: &Select) -> Batch<'a> {
    let accepts = |series: &&Series| {
        select.matchers.iter().all(|matcher| matcher.matches(series.0.get(matcher.name()).unwrap_or_default()))
    };
    Batch(all.iter().filter(accepts).collect())
}

fn answer(all: &[Series], expr: &Expr, passes: Passes) -> Output {
    let start = 600_000;
    let params = QueryParams { passes, ..QueryParams::range(start, start + 699 * SCRAPE_MS, SCRAPE_MS) };
    let mut query = Query::prepare(expr, params).unwrap();
    for at in 0..query.selects().len() {
        query.push(at, &select(all, &query.selects()[at])).unwrap();
        query.finish(at).unwrap();
    }
    query.into_output().unwrap()
}

fn spared(criterion: &mut Criterion) {
    let all = series();
    let with = Passes::default();
    let cases = [
        ("shared_selects", Passes { shared_selects: false, ..with }, vec!["sum(rate(x[5m])) / sum(rate(x[10m]))"]),
        (
            "common_expressions",
            Passes { common_expressions: false, ..with },
            vec![
                "sum(rate(x[5m])) / count(rate(x[5m]))",
                "sum by (zone) (rate(x[5m])) / on () group_left sum(sum by (zone) (rate(x[5m])))",
                "x / x",
                "max_over_time(rate(x[5m])[30m:1m]) - min_over_time(rate(x[5m])[30m:1m])",
            ],
        ),
    ];
    let others = [
        ("matchers", Passes { matchers: false, ..with }, vec![r#"sum(x{zone="1"}) + sum(x{zone=~"1"})"#]),
        (
            "wider_selects",
            Passes { wider_selects: false, ..with },
            vec![r#"sum(rate(x{zone="1"}[5m])) / sum(rate(x[5m]))"#],
        ),
        ("constants", Passes { constants: false, ..with }, vec!["vector((1 + 2) * 3 / 4 - 5 % (end() - start()))"]),
        (
            "toggles",
            Passes { toggles: false, ..with },
            vec!["x and on () vector(1) == 1", "x and on () vector(1) == 0"],
        ),
    ];
    for (pass, without, texts) in cases.into_iter().chain(others) {
        let mut group = criterion.benchmark_group(pass);
        for text in texts {
            let options = ParseOptions { experimental_functions: true, ..ParseOptions::default() };
            let expr = promql::parse(text, &options).unwrap();
            for (name, passes) in [("with", with), ("without", without)] {
                group.bench_function(format!("{name}/{text}"), |bencher| {
                    bencher.iter(|| black_box(answer(&all, &expr, passes)));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, spared);
criterion_main!(benches);
