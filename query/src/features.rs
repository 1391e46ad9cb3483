//! What of the language is taken only when asked for: Prometheus' feature flags.

use promql::ParseOptions;

/// The names of `--enable-feature` that concern queries, as switches. By default all are off, as in Prometheus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// `promql-experimental-functions`
    pub experimental_functions: bool,
    /// `promql-extended-range-selectors`: `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`: `fill`, `fill_left`, `fill_right`.
    pub fill_modifiers: bool,
    /// `promql-delayed-name-removal`
    pub delayed_names: bool,
    /// `use-start-timestamps`: functions of counters look at when those began.
    pub use_start_timestamps: bool,
    /// `type-and-unit-labels`: the label `__type__` tells what a counter is.
    pub type_and_unit_labels: bool,
    /// `promql-per-step-stats`: what `stats=all` adds to `stats=true`.
    pub per_step_stats: bool,
}

impl Features {
    /// Switches on what `name` says; `false` if there is no such feature of queries.
    pub fn enable(&mut self, name: &str) -> bool {
        let switch = match name {
            "promql-experimental-functions" => &mut self.experimental_functions,
            "promql-extended-range-selectors" => &mut self.extended_range_selectors,
            "promql-binop-fill-modifiers" => &mut self.fill_modifiers,
            "promql-delayed-name-removal" => &mut self.delayed_names,
            "use-start-timestamps" => &mut self.use_start_timestamps,
            "type-and-unit-labels" => &mut self.type_and_unit_labels,
            "promql-per-step-stats" => &mut self.per_step_stats,
            _ => return false,
        };
        *switch = true;
        true
    }

    /// What the parser takes.
    pub(crate) fn parse_options(self) -> ParseOptions {
        ParseOptions {
            experimental_functions: self.experimental_functions,
            extended_range_selectors: self.extended_range_selectors,
            fill_modifiers: self.fill_modifiers,
            ..ParseOptions::default()
        }
    }
}
