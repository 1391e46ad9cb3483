//! What stands behind a point: fields of values, and methods.

use super::methods;
use super::value::Value;
use std::fmt::Display;
use std::rc::Rc;

/// The field of a field, and so on.
pub(super) fn fields(of: Value, names: &[String]) -> Result<Value, String> {
    let mut of = of;
    // The value may be anything, says its type.
    let mut is_open = false;
    for name in names {
        let next = field(&of, name);
        let next = if is_open {
            next.map_err(|_| format!("can't evaluate field {name} in type interface {{}}"))
        } else {
            next
        }?;
        is_open = matches!((&of, name.as_str()), (Value::Data(_) | Value::Sample(_), "Value"));
        of = next;
    }
    Ok(of)
}

/// A field of a value, or what a method of it gives that takes no arguments.
pub(super) fn field(of: &Value, name: &str) -> Result<Value, String> {
    let found = match (of, name) {
        (Value::Nothing, _) => Some(Value::Nothing),
        (Value::Labels(map), _) => Some(Value::text(map.get(name).map_or("", String::as_str))),
        (Value::Args(args), _) => Some(args.values.get(name).cloned().unwrap_or(Value::Nothing)),
        (Value::Sample(sample), "Labels") => Some(Value::Labels(Rc::new(sample.labels.clone()))),
        (Value::Sample(sample), "Value") => Some(Value::of_number(sample.value, sample.histogram.as_ref())),
        (Value::Histogram(histogram), "Count") => Some(Value::Float(histogram.count())),
        (Value::Histogram(histogram), "Sum") => Some(Value::Float(histogram.sum())),
        (Value::Histogram(histogram), "ZeroCount") => Some(Value::Float(histogram.zero_count())),
        (Value::Data(data), "Labels") => Some(data.labels.clone()),
        (Value::Data(data), "ExternalLabels") => Some(data.external_labels.clone()),
        (Value::Data(data), "ExternalURL") => Some(data.external_url.clone()),
        (Value::Data(data), "Value") => Some(data.value.clone()),
        _ => None,
    };
    match methods::find(of, name) {
        Some([]) => return methods::call(of, name, &[]),
        Some(kinds) => return Err(wrong_number(name, kinds.len(), 0)),
        None => {}
    }
    found.ok_or_else(|| format!("can't evaluate field {name} in type {}", of.type_name()))
}

pub(super) fn wrong_number(name: &str, want: impl Display, got: usize) -> String {
    format!("wrong number of args for {name}: want {want} got {got}")
}
