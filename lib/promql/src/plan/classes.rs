//! Which expressions of a query are the same, wherever they stand.

use super::facts::{innermost_first, selector, without_parens};
use super::matchers::{normal, sorted};
use super::time::QueryTimes;
use crate::ast::{Call, Duration, Expr, ExprKind, TimeShift, VectorSelector};
use crate::{QueryError, QueryParams};
use hashbrown::HashMap;
use std::fmt::Write;

/// Expressions by class: those of one class give the same if they are evaluated at the same steps.
#[derive(Debug, Default)]
pub(super) struct Classes {
    of: HashMap<*const Expr, usize>,
    /// By class.
    all: Vec<Class>,
}

#[derive(Debug, Default)]
struct Class {
    /// From how many places it is wanted, in classes that differ.
    wanted: usize,
    has_selector: bool,
    /// Of a subquery what is in it: that is what is evaluated wherever the subquery is wanted.
    inner: Option<usize>,
}

/// Functions that look at how the selector they are given is written.
const LOOKS_AT_SELECTOR: [&str; 3] = ["absent", "absent_over_time", "info"];

impl Classes {
    /// The classes of `root` and of all it is made of. Nothing is the same as anything else if that is not to be looked for.
    pub(super) fn of(root: &Expr, times: &QueryTimes, params: &QueryParams) -> Self {
        let mut classes = Self::default();
        // What holds no two selectors holds nothing twice that would be looked for.
        if !params.passes.common_expressions || root.selectors().len() < 2 {
            return classes;
        }
        let mut known: HashMap<String, usize> = HashMap::new();
        for expr in innermost_first(root) {
            let class = match &expr.kind {
                ExprKind::Paren(inner) => classes.get(inner),
                // What cannot be computed is the same as nothing: planning it says why.
                _ => {
                    let text = classes.text(expr, times, params).unwrap_or_else(|_| format!("{expr:p}"));
                    let class = *known.entry(text).or_insert(classes.all.len());
                    if class == classes.all.len() {
                        classes.add(expr);
                    }
                    class
                }
            };
            classes.of.insert(std::ptr::from_ref(expr), class);
        }
        classes
    }

    /// The class of `expr`, if it holds series and is wanted more than once. What is in parentheses is looked for without them.
    pub(super) fn repeated(&self, expr: &Expr) -> Option<usize> {
        if matches!(expr.kind, ExprKind::Paren(_)) {
            return None;
        }
        let class = self.of.get(&std::ptr::from_ref(expr)).copied()?;
        let Class { wanted, has_selector, .. } = self.all.get(class)?;
        (*wanted > 1 && *has_selector).then_some(class)
    }

    fn get(&self, expr: &Expr) -> usize {
        self.of.get(&std::ptr::from_ref(expr)).copied().unwrap_or_default()
    }

    /// Adds the class of `expr`, which is the first of it.
    fn add(&mut self, expr: &Expr) {
        let mut has_selector = matches!(expr.kind, ExprKind::Vector(_) | ExprKind::Matrix(_));
        let inner = match &expr.kind {
            ExprKind::Subquery(subquery) => Some(self.get(&subquery.expr)),
            _ => None,
        };
        for child in expr.children() {
            let class = self.get(child);
            has_selector |= self.all[class].has_selector;
            let evaluated = self.all[class].inner.unwrap_or(class);
            self.all[evaluated].wanted += usize::from(inner.is_none());
        }
        self.all.push(Class { wanted: 0, has_selector, inner });
    }

    /// A text that other expressions have only if they are the same.
    fn text(&self, expr: &Expr, times: &QueryTimes, params: &QueryParams) -> Result<String, QueryError> {
        let mut text = match &expr.kind {
            ExprKind::Number(number) => format!("number {:x}", number.value.to_bits()),
            ExprKind::String(string) => format!("string {string:?}"),
            ExprKind::Unary(op, _) => format!("{op:?}"),
            ExprKind::Binary(binary) => format!("{:?} {} {:?}", binary.op, binary.return_bool, binary.matching),
            ExprKind::Aggregate(aggregate) => {
                format!("{:?} {} {:?}", aggregate.op, aggregate.without, aggregate.grouping)
            }
            ExprKind::Call(call) => name_of(call),
            ExprKind::Vector(selector) => format!("vector {}", of_selector(selector, times, params)?),
            ExprKind::Matrix(matrix) => {
                let selector = of_selector(&matrix.selector, times, params)?;
                format!("matrix {selector} {}", of_range(&matrix.range, times)?)
            }
            ExprKind::Subquery(subquery) => {
                let step_ms = subquery.step.as_ref().map(|step| times.range_ms(step)).transpose()?;
                let (range, time) = (of_range(&subquery.range, times)?, of_time(&subquery.time, times)?);
                format!("subquery {range} {step_ms:?} {time}")
            }
            ExprKind::Paren(_) => "paren".to_owned(),
        };
        for child in expr.children() {
            // Writing to a text cannot fail.
            let _ = write!(text, " {}", self.get(child));
        }
        Ok(text)
    }
}

fn name_of(call: &Call) -> String {
    let mut text = format!("call {}", call.name);
    if LOOKS_AT_SELECTOR.contains(&call.name.as_str()) {
        for arg in &call.args {
            let matchers = match &without_parens(arg).kind {
                ExprKind::Matrix(matrix) => Some(&matrix.selector.matchers),
                _ => selector(arg).map(|selector| &selector.matchers),
            };
            let _ = write!(text, " {matchers:?}");
        }
    }
    text
}

fn of_selector(selector: &VectorSelector, times: &QueryTimes, params: &QueryParams) -> Result<String, QueryError> {
    let matchers = if params.passes.matchers { normal(&selector.matchers) } else { selector.matchers.clone() };
    Ok(format!("{:?} {} {:?}", sorted(&matchers), of_time(&selector.time, times)?, selector.boundary))
}

fn of_time(time: &TimeShift, times: &QueryTimes) -> Result<String, QueryError> {
    Ok(format!("{:?}", times.shift(time)?))
}

fn of_range(range: &Duration, times: &QueryTimes) -> Result<String, QueryError> {
    Ok(format!("{} {:x}", times.range_ms(range)?, times.range_seconds(range)?.to_bits()))
}

#[cfg(test)]
mod tests;
