use super::{Reading, aggregates_for};
use tsdb::Aggregate::{self, Count, Counter, Max, Min, Sum};

#[track_caller]
fn check(func: &str, reading: Reading, aggregates: &[Aggregate]) {
    assert_eq!((Reading::of(func), aggregates_for(func)), (reading, aggregates), "{func}");
}

#[test]
fn functions_choose_aggregates_as_in_thanos() {
    check("", Reading::Average, &[Count, Sum]);
    check("min", Reading::Min, &[Min]);
    check("min_over_time", Reading::Min, &[Min]);
    check("minute", Reading::Average, &[Count, Sum]);
    check("max", Reading::Max, &[Max]);
    check("max_over_time", Reading::Max, &[Max]);
    check("count", Reading::Count, &[Count]);
    check("count_over_time", Reading::Count, &[Count]);
    check("count_values", Reading::Count, &[Count]);
    // A sum over series is one of their samples, a sum over time one of the sums.
    check("sum", Reading::Average, &[Count, Sum]);
    check("sum_over_time", Reading::Sum, &[Sum]);
    check("avg_over_time", Reading::Average, &[Count, Sum]);
    for func in ["rate", "irate", "increase", "xrate", "xincrease"] {
        check(func, Reading::Counter, &[Counter]);
    }
    check("resets", Reading::Resets, &[Counter]);
    check("delta", Reading::Average, &[Count, Sum]);
}
