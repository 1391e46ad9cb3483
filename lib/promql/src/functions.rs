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
    /// Whether the engine has it. A call of one it has not is refused when the query is parsed.
    pub supported: bool,
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
        Self { name, args, last_arg: LastArg::Once, returns: ValueType::Vector, experimental: false, supported: false }
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

    const fn supported(self) -> Self {
        Self { supported: true, ..self }
    }
}

use ValueType::{Matrix as R, Scalar as S, String as T, Vector as V};

/// All functions in order of their names.
pub static FUNCTIONS: [Function; 90] = [
    Function::new("abs", &[V]).supported(),
    Function::new("absent", &[V]).supported(),
    Function::new("absent_over_time", &[R]).supported(),
    Function::new("acos", &[V]).supported(),
    Function::new("acosh", &[V]).supported(),
    Function::new("asin", &[V]).supported(),
    Function::new("asinh", &[V]).supported(),
    Function::new("atan", &[V]).supported(),
    Function::new("atanh", &[V]).supported(),
    Function::new("avg_over_time", &[R]).supported(),
    Function::new("ceil", &[V]).supported(),
    Function::new("changes", &[R]).supported(),
    Function::new("clamp", &[V, S, S]).supported(),
    Function::new("clamp_max", &[V, S]).supported(),
    Function::new("clamp_min", &[V, S]).supported(),
    Function::new("cos", &[V]).supported(),
    Function::new("cosh", &[V]).supported(),
    Function::new("count_over_time", &[R]).supported(),
    Function::new("day_of_month", &[V]).optional_last().supported(),
    Function::new("day_of_week", &[V]).optional_last().supported(),
    Function::new("day_of_year", &[V]).optional_last().supported(),
    Function::new("days_in_month", &[V]).optional_last().supported(),
    Function::new("deg", &[V]).supported(),
    Function::new("delta", &[R]).supported(),
    Function::new("deriv", &[R]).supported(),
    Function::new("double_exponential_smoothing", &[R, S, S]).experimental().supported(),
    Function::new("end", &[]).returning(S).experimental().supported(),
    Function::new("exp", &[V]).supported(),
    Function::new("first_over_time", &[R]).supported(),
    Function::new("floor", &[V]).supported(),
    Function::new("histogram_avg", &[V]).supported(),
    Function::new("histogram_count", &[V]).supported(),
    Function::new("histogram_fraction", &[S, S, V]).supported(),
    Function::new("histogram_quantile", &[S, V]).supported(),
    Function::new("histogram_quantiles", &[V, T, S, S]).last(LastArg::UpTo(9)).experimental().supported(),
    Function::new("histogram_stddev", &[V]).supported(),
    Function::new("histogram_stdvar", &[V]).supported(),
    Function::new("histogram_sum", &[V]).supported(),
    Function::new("hour", &[V]).optional_last().supported(),
    Function::new("idelta", &[R]).supported(),
    Function::new("increase", &[R]).supported(),
    Function::new("info", &[V, V]).optional_last().experimental().supported(),
    Function::new("irate", &[R]).supported(),
    Function::new("label_join", &[V, T, T, T]).last(LastArg::AnyNumber).supported(),
    Function::new("label_replace", &[V, T, T, T, T]).supported(),
    Function::new("last_over_time", &[R]).supported(),
    Function::new("ln", &[V]).supported(),
    Function::new("log10", &[V]).supported(),
    Function::new("log2", &[V]).supported(),
    Function::new("mad_over_time", &[R]).experimental().supported(),
    Function::new("max_of", &[S, S]).returning(S).experimental().supported(),
    Function::new("max_over_time", &[R]).supported(),
    Function::new("min_of", &[S, S]).returning(S).experimental().supported(),
    Function::new("min_over_time", &[R]).supported(),
    Function::new("minute", &[V]).optional_last().supported(),
    Function::new("month", &[V]).optional_last().supported(),
    Function::new("pi", &[]).returning(S).supported(),
    Function::new("predict_linear", &[R, S]).supported(),
    Function::new("present_over_time", &[R]).supported(),
    Function::new("quantile_over_time", &[S, R]).supported(),
    Function::new("rad", &[V]).supported(),
    Function::new("range", &[]).returning(S).experimental().supported(),
    Function::new("rate", &[R]).supported(),
    Function::new("resets", &[R]).supported(),
    Function::new("round", &[V, S]).optional_last().supported(),
    Function::new("scalar", &[V]).returning(S).supported(),
    Function::new("sgn", &[V]).supported(),
    Function::new("sin", &[V]).supported(),
    Function::new("sinh", &[V]).supported(),
    Function::new("sort", &[V]).supported(),
    Function::new("sort_by_label", &[V, T]).last(LastArg::AnyNumber).experimental().supported(),
    Function::new("sort_by_label_desc", &[V, T]).last(LastArg::AnyNumber).experimental().supported(),
    Function::new("sort_desc", &[V]).supported(),
    Function::new("sqrt", &[V]).supported(),
    Function::new("start", &[]).returning(S).experimental().supported(),
    Function::new("start_timestamp", &[V]).experimental().supported(),
    Function::new("stddev_over_time", &[R]).supported(),
    Function::new("stdvar_over_time", &[R]).supported(),
    Function::new("step", &[]).returning(S).experimental().supported(),
    Function::new("sum_over_time", &[R]).supported(),
    Function::new("tan", &[V]).supported(),
    Function::new("tanh", &[V]).supported(),
    Function::new("time", &[]).returning(S).supported(),
    Function::new("timestamp", &[V]).supported(),
    Function::new("ts_of_first_over_time", &[R]).experimental().supported(),
    Function::new("ts_of_last_over_time", &[R]).experimental().supported(),
    Function::new("ts_of_max_over_time", &[R]).experimental().supported(),
    Function::new("ts_of_min_over_time", &[R]).experimental().supported(),
    Function::new("vector", &[S]).supported(),
    Function::new("year", &[V]).optional_last().supported(),
];

#[cfg(test)]
mod tests;
