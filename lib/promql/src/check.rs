//! Types of operands and arguments, and what else an expression must satisfy beyond its grammar, in the order in which
//! Prometheus looks.

use model::METRIC_NAME;

use crate::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Cardinality, Expr, ExprKind, Span, ValueType, VectorSelector,
};
use crate::error::{Fault, ParseError};
use crate::functions::{Function, LastArg, function};
use crate::lexer::is_space;
use crate::print::quote;

/// Checks `expr`, which was read from `text`, and settles what follows from types: matching is left only between two
/// vectors, and is many-to-many for set operators.
///
/// # Errors
/// The first fault, with Prometheus' message.
pub(crate) fn check(text: &str, expr: &mut Expr) -> Result<ValueType, Fault> {
    Checker { text }.expr(expr)
}

struct Checker<'a> {
    text: &'a str,
}

impl Checker<'_> {
    fn expr(&self, expr: &mut Expr) -> Result<ValueType, Fault> {
        if matches!(expr.kind, ExprKind::Binary(_)) {
            return self.chain(expr);
        }
        let span = expr.span;
        match &mut expr.kind {
            ExprKind::Number(_) => Ok(ValueType::Scalar),
            ExprKind::String(_) => Ok(ValueType::String),
            ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Unary(_, inner) => {
                let found = self.expr(inner)?;
                if is_number(found) {
                    return Ok(found);
                }
                let message = "unary expression only allowed on expressions of type scalar or instant vector";
                Err(self.fault(span, format!("{message}, got \"{found}\"")))
            }
            ExprKind::Binary(binary) => self.binary(span, binary, ValueType::Scalar),
            ExprKind::Call(call) => self.call(span, call),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate),
            ExprKind::Vector(selector) => {
                self.selector(span, selector, false)?;
                Ok(ValueType::Vector)
            }
            ExprKind::Matrix(matrix) => {
                self.selector(matrix.selector_span, &matrix.selector, false)?;
                Ok(ValueType::Matrix)
            }
            ExprKind::Subquery(subquery) => {
                let found = match self.expr(&mut subquery.expr)? {
                    ValueType::Vector => return Ok(ValueType::Matrix),
                    ValueType::Scalar => "scalar",
                    ValueType::Matrix => "matrix",
                    ValueType::String => "string",
                };
                let message = "subquery is only allowed on instant vector";
                Err(self.fault(span, format!("{message}, got {found} instead")))
            }
        }
    }

    /// A chain of operators, from the innermost one outwards and without recursion on the left; see [`Binary::chain`].
    fn chain(&self, outermost: &mut Expr) -> Result<ValueType, Fault> {
        let mut links = Vec::new();
        let mut expr = std::mem::replace(outermost, Expr::nothing());
        while let ExprKind::Binary(binary) = &mut expr.kind {
            let lhs = std::mem::replace(&mut binary.lhs, Expr::nothing());
            links.push(std::mem::replace(&mut expr, lhs));
        }
        let mut found = self.expr(&mut expr)?;
        while let Some(mut link) = links.pop() {
            if let ExprKind::Binary(binary) = &mut link.kind {
                binary.lhs = expr;
                found = self.binary(link.span, binary, found)?;
            }
            expr = link;
        }
        *outermost = expr;
        Ok(found)
    }

    /// An operator whose left side has been checked, and was of type `left`.
    fn binary(&self, span: Span, binary: &mut Binary, left: ValueType) -> Result<ValueType, Fault> {
        let right = self.expr(&mut binary.rhs)?;
        let op = binary.op;
        if binary.return_bool && !op.is_comparison() {
            return Err(self.op_fault(binary, "bool modifier can only be used on comparison operators"));
        }
        let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
        if op.is_comparison() && !binary.return_bool && scalars {
            return Err(self.op_fault(binary, "comparisons between scalars must use BOOL modifier"));
        }
        if let Some(label) = doubled_label(binary) {
            let message = format!("label {} must not occur in ON and GROUP clause at once", quote(label));
            return Err(self.op_fault(binary, message));
        }
        for (operand, found) in [(&binary.lhs, left), (&binary.rhs, right)] {
            if !is_number(found) {
                let message = "binary expression must contain only scalar and instant vector types";
                return Err(self.fault(operand.span, message));
            }
        }
        self.matching(span, binary, left == ValueType::Vector && right == ValueType::Vector)?;
        if op.is_set() && (left == ValueType::Scalar || right == ValueType::Scalar) {
            let message = format!("set operator \"{op}\" not allowed in binary scalar expression");
            return Err(self.fault(span, message));
        }
        Ok(if scalars { ValueType::Scalar } else { ValueType::Vector })
    }

    fn matching(&self, span: Span, binary: &mut Binary, vectors: bool) -> Result<(), Fault> {
        let is_set = binary.op.is_set();
        let Some(matching) = &mut binary.matching else { return Ok(()) };
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        if !vectors {
            if !matching.labels.is_empty() {
                return Err(self.fault(span, "vector matching only allowed between instant vectors"));
            }
            if fills {
                return Err(self.fault(span, "filling in missing series only allowed between instant vectors"));
            }
            binary.matching = None;
        } else if is_set {
            if matching.card != Cardinality::OneToOne {
                return Err(self.fault(span, format!("no grouping allowed for \"{}\" operation", binary.op)));
            }
            matching.card = Cardinality::ManyToMany;
            if fills {
                return Err(self.fault(span, "filling in missing series not allowed for set operators"));
            }
        }
        Ok(())
    }

    fn call(&self, span: Span, call: &mut Call) -> Result<ValueType, Fault> {
        let Some(function) = function(&call.name) else {
            return Err(self.fault(span, format!("unknown function with name {}", quote(call.name.as_bytes()))));
        };
        self.arg_count(span, function, call.args.len())?;
        let is_info = function.name == "info";
        if let [_, labels, ..] = call.args.as_slice()
            && is_info
        {
            self.info_labels(span, labels)?;
        }
        for (i, arg) in call.args.iter_mut().enumerate() {
            let found = match &arg.kind {
                ExprKind::Vector(selector) if is_info && i > 0 => {
                    self.selector(arg.span, selector, true)?;
                    ValueType::Vector
                }
                _ => self.expr(arg)?,
            };
            if let Some(wanted) = function.arg_type(i)
                && wanted != found
            {
                return Err(self.type_fault(arg.span, wanted, &call_to(function), found));
            }
        }
        Ok(function.returns)
    }

    fn arg_count(&self, span: Span, function: &Function, count: usize) -> Result<(), Fault> {
        let listed = function.args.len();
        let (wanted, how_many) = match function.last_arg {
            LastArg::Once if count != listed => (listed, "expected"),
            LastArg::UpTo(_) | LastArg::AnyNumber if count + 1 < listed => (listed - 1, "expected at least"),
            LastArg::UpTo(times) if count >= listed + times => (listed - 1 + times, "expected at most"),
            _ => return Ok(()),
        };
        let name = function.name;
        Err(self.fault(span, format!("{how_many} {wanted} argument(s) in call to \"{name}\", got {count}")))
    }

    /// The second argument of `info` is written like a selector, but names labels only.
    fn info_labels(&self, span: Span, labels: &Expr) -> Result<(), Fault> {
        let found = labels.value_type();
        if found != ValueType::Vector {
            return Err(self.type_fault(span, ValueType::Vector, "call to function \"info\"", found));
        }
        match &labels.kind {
            ExprKind::Vector(VectorSelector { name: None, .. }) => Ok(()),
            ExprKind::Vector(_) => {
                Err(self.fault(labels.span, "expected label selectors only, got vector selector instead"))
            }
            _ => Err(self.fault(labels.span, "expected label selectors only")),
        }
    }

    fn aggregate(&self, aggregate: &mut Aggregate) -> Result<ValueType, Fault> {
        let found = self.expr(&mut aggregate.expr)?;
        if found != ValueType::Vector {
            return Err(self.type_fault(aggregate.expr.span, ValueType::Vector, "aggregation expression", found));
        }
        if let Some(param) = &mut aggregate.param {
            let wanted = match aggregate.op {
                AggregateOp::CountValues => ValueType::String,
                _ => ValueType::Scalar,
            };
            let found = self.expr(param)?;
            if found != wanted {
                return Err(self.type_fault(param.span, wanted, "aggregation parameter", found));
            }
        }
        Ok(ValueType::Vector)
    }

    /// A selector must say something about its series, unless `any` series will do.
    fn selector(&self, span: Span, selector: &VectorSelector, any: bool) -> Result<(), Fault> {
        if let (Some(name), [others @ .., _]) = (&selector.name, selector.matchers.as_slice()) {
            return match others.iter().find(|matcher| matcher.name() == METRIC_NAME) {
                None => Ok(()),
                Some(other) => {
                    let (name, other) = (quote(name), quote(other.value()));
                    Err(self.fault(span, format!("metric name must not be set twice: {name} or {other}")))
                }
            };
        }
        if any || selector.matchers.iter().any(|matcher| !matcher.matches_empty()) {
            return Ok(());
        }
        Err(self.fault(span, "vector selector must contain at least one non-empty matcher"))
    }

    // === faults ===

    fn fault(&self, span: Span, message: impl Into<String>) -> Fault {
        ParseError::invalid(self.text, span, message)
    }

    fn type_fault(&self, span: Span, wanted: ValueType, place: &str, found: ValueType) -> Fault {
        self.fault(span, format!("expected type {wanted} in {place}, got {found}"))
    }

    /// A fault of the operator with its modifiers.
    fn op_fault(&self, binary: &Binary, message: impl Into<String>) -> Fault {
        let (start, end) = (binary.lhs.span.end, binary.rhs.span.start);
        let between = self.text.get(start..end).unwrap_or_default();
        let start = start + (between.len() - between.trim_start_matches(is_space).len());
        // One short, as in Prometheus.
        let end = end.saturating_sub(between.len() - between.trim_end_matches(is_space).len() + 1);
        self.fault(Span { start, end }, message)
    }
}

fn is_number(value_type: ValueType) -> bool {
    matches!(value_type, ValueType::Scalar | ValueType::Vector)
}

fn call_to(function: &Function) -> String {
    format!("call to function \"{}\"", function.name)
}

fn doubled_label(binary: &Binary) -> Option<&[u8]> {
    let matching = binary.matching.as_ref().filter(|matching| matching.on)?;
    matching.labels.iter().find(|label| matching.include.contains(label)).map(Vec::as_slice)
}

impl BinaryOp {
    /// `== != < > <= >=`; the trim operators only share their precedence.
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Eql | Self::Neq | Self::Lte | Self::Lss | Self::Gte | Self::Gtr)
    }

    /// `and or unless`
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}
