//! The functions of PromQL 3.14: the one table that parser, engine and documentation read.

use crate::ast::ValueType;

/// A function of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    pub name: &'static str,
    /// The types of the arguments; the last one's also of those beyond.
    pub args: &'static [ValueType],
    /// How often the last argument may be given.
    pub last_arg: LastArg,
    pub returns: ValueType,
    /// Refused unless the parser is told to take experimental functions.
    pub experimental: bool,
}

/// How often the last argument of a function may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastArg {
    Once,
    /// From no time to so many, both inside.
    UpTo(usize),
    AnyNumber,
}

/// The function called `name`, in exactly that spelling.
pub fn function(name: &str) -> Option<&'static Function> {
    let at = FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok()?;
    FUNCTIONS.get(at)
}

impl Function {
    /// The type of argument `index`; `None` if there is none.
    pub fn arg_type(&self, index: usize) -> Option<ValueType> {
        match self.last_arg {
            LastArg::Once => self.args.get(index).copied(),
            _ => self.args.get(index).or(self.args.last()).copied(),
        }
    }

    const fn new(name: &'static str, args: &'static [ValueType]) -> Self {
        Self { name, args, last_arg: LastArg::Once, returns: ValueType::Vector, experimental: false }
    }

    const fn last(self, last_arg: LastArg) -> Self {
        Self { last_arg, ..self }
    }

    const fn optional_last(self) -> Self {
        self.last(LastArg::UpTo(1))
    }

    const fn returning(self, returns: ValueType) -> Self {
        Self { returns, ..self }
    }

    const fn experimental(self) -> Self {
        Self { experimental: true, ..self }
    }
}

use ValueType::{Matrix as R, Scalar as S, String as T, Vector as V};

/// All functions in order of their names.
pub static FUNCTIONS: [Function; 90] = [
    Function::new("abs", &[V]),
    Function::new("absent", &[V]),
    Function::new("absent_over_time", &[R]),
    Function::new("acos", &[V]),
    Function::new("acosh", &[V]),
    Function::new("asin", &[V]),
    Function::new("asinh", &[V]),
    Function::new("atan", &[V]),
    Function::new("atanh", &[V]),
    Function::new("avg_over_time", &[R]),
    Function::new("ceil", &[V]),
    Function::new("changes", &[R]),
    Function::new("clamp", &[V, S, S]),
    Function::new("clamp_max", &[V, S]),
    Function::new("clamp_min", &[V, S]),
    Function::new("cos", &[V]),
    Function::new("cosh", &[V]),
    Function::new("count_over_time", &[R]),
    Function::new("day_of_month", &[V]).optional_last(),
    Function::new("day_of_week", &[V]).optional_last(),
    Function::new("day_of_year", &[V]).optional_last(),
    Function::new("days_in_month", &[V]).optional_last(),
    Function::new("deg", &[V]),
    Function::new("delta", &[R]),
    Function::new("deriv", &[R]),
    Function::new("double_exponential_smoothing", &[R, S, S]).experimental(),
    Function::new("end", &[]).returning(S).experimental(),
    Function::new("exp", &[V]),
    Function::new("first_over_time", &[R]),
    Function::new("floor", &[V]),
    Function::new("histogram_avg", &[V]),
    Function::new("histogram_count", &[V]),
    Function::new("histogram_fraction", &[S, S, V]),
    Function::new("histogram_quantile", &[S, V]),
    Function::new("histogram_quantiles", &[V, T, S, S]).last(LastArg::UpTo(9)).experimental(),
    Function::new("histogram_stddev", &[V]),
    Function::new("histogram_stdvar", &[V]),
    Function::new("histogram_sum", &[V]),
    Function::new("hour", &[V]).optional_last(),
    Function::new("idelta", &[R]),
    Function::new("increase", &[R]),
    Function::new("info", &[V, V]).optional_last().experimental(),
    Function::new("irate", &[R]),
    Function::new("label_join", &[V, T, T, T]).last(LastArg::AnyNumber),
    Function::new("label_replace", &[V, T, T, T, T]),
    Function::new("last_over_time", &[R]),
    Function::new("ln", &[V]),
    Function::new("log10", &[V]),
    Function::new("log2", &[V]),
    Function::new("mad_over_time", &[R]).experimental(),
    Function::new("max_of", &[S, S]).returning(S).experimental(),
    Function::new("max_over_time", &[R]),
    Function::new("min_of", &[S, S]).returning(S).experimental(),
    Function::new("min_over_time", &[R]),
    Function::new("minute", &[V]).optional_last(),
    Function::new("month", &[V]).optional_last(),
    Function::new("pi", &[]).returning(S),
    Function::new("predict_linear", &[R, S]),
    Function::new("present_over_time", &[R]),
    Function::new("quantile_over_time", &[S, R]),
    Function::new("rad", &[V]),
    Function::new("range", &[]).returning(S).experimental(),
    Function::new("rate", &[R]),
    Function::new("resets", &[R]),
    Function::new("round", &[V, S]).optional_last(),
    Function::new("scalar", &[V]).returning(S),
    Function::new("sgn", &[V]),
    Function::new("sin", &[V]),
    Function::new("sinh", &[V]),
    Function::new("sort", &[V]),
    Function::new("sort_by_label", &[V, T]).last(LastArg::AnyNumber).experimental(),
    Function::new("sort_by_label_desc", &[V, T]).last(LastArg::AnyNumber).experimental(),
    Function::new("sort_desc", &[V]),
    Function::new("sqrt", &[V]),
    Function::new("start", &[]).returning(S).experimental(),
    Function::new("start_timestamp", &[V]).experimental(),
    Function::new("stddev_over_time", &[R]),
    Function::new("stdvar_over_time", &[R]),
    Function::new("step", &[]).returning(S).experimental(),
    Function::new("sum_over_time", &[R]),
    Function::new("tan", &[V]),
    Function::new("tanh", &[V]),
    Function::new("time", &[]).returning(S),
    Function::new("timestamp", &[V]),
    Function::new("ts_of_first_over_time", &[R]).experimental(),
    Function::new("ts_of_last_over_time", &[R]).experimental(),
    Function::new("ts_of_max_over_time", &[R]).experimental(),
    Function::new("ts_of_min_over_time", &[R]).experimental(),
    Function::new("vector", &[S]),
    Function::new("year", &[V]).optional_last(),
];

#[cfg(test)]
mod tests;
