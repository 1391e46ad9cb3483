//! The functions of templates: Go's, and those of Prometheus.

use super::humanize;
use super::printf::printf;
use super::text;
use super::value::{Args, Sample, Value};
use std::cmp::Ordering;
use std::rc::Rc;

/// What a function takes at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Text,
    Sample,
    Vector,
    Time,
    Duration,
}

/// What functions need besides their arguments.
pub(super) struct World<'a> {
    /// Asks a query at the time of the alert.
    pub(super) query: &'a dyn Fn(&str) -> Result<Vec<Sample>, String>,
    pub(super) external_url: &'a str,
    pub(super) now_ms: i64,
    /// No text is to be longer.
    pub(super) most: usize,
}

/// A function: what it takes, and whether the last may come any number of times, or not at all.
pub(super) struct Function {
    pub(super) kinds: &'static [Kind],
    pub(super) is_open: bool,
}

const fn takes(kinds: &'static [Kind]) -> Function {
    Function { kinds, is_open: false }
}

const fn takes_many(kinds: &'static [Kind]) -> Function {
    Function { kinds, is_open: true }
}

/// What a function takes, by its name; `None`: there is no such function.
pub(super) fn find(name: &str) -> Option<Function> {
    use Kind::{Any, Sample, Text, Vector};
    Some(match name {
        "query" => takes(&[Text]),
        "externalURL" | "pathPrefix" | "now" => takes(&[]),
        "first" => takes(&[Vector]),
        "value" | "strvalue" => takes(&[Sample]),
        "label" => takes(&[Text, Sample]),
        "sortByLabel" => takes(&[Text, Vector]),
        "humanize" | "humanize1024" | "humanizeDuration" | "humanizePercentage" | "humanizeTimestamp" | "toTime"
        | "toDuration" => takes(&[Any]),
        "title" | "toUpper" | "toLower" | "stripPort" | "stripDomain" | "safeHtml" | "parseDuration" | "graphLink"
        | "tableLink" | "urlQueryEscape" => takes(&[Text]),
        "match" => takes(&[Text, Text]),
        "reReplaceAll" => takes(&[Text, Text, Text]),
        "args" | "print" | "println" | "html" | "js" | "urlquery" => takes_many(&[Any]),
        "printf" => takes_many(&[Text, Any]),
        "and" | "or" | "index" | "slice" | "eq" => takes_many(&[Any, Any]),
        "not" | "len" => takes(&[Any]),
        "ne" | "lt" | "le" | "gt" | "ge" => takes(&[Any, Any]),
        _ => return None,
    })
}

pub(super) fn is_known(name: &str) -> bool {
    find(name).is_some()
}

/// What the function gives, all arguments of which are of the kinds it takes.
pub(super) fn call(name: &str, args: &[Value], world: &World<'_>) -> Result<Value, String> {
    match name {
        "query" | "first" | "value" | "strvalue" | "label" | "sortByLabel" => of_samples(name, args, world),
        "and" | "or" | "not" | "len" | "index" | "slice" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" => {
            of_values(name, args)
        }
        _ => of_texts(name, args, world),
    }
}

fn of_samples(name: &str, args: &[Value], world: &World<'_>) -> Result<Value, String> {
    Ok(match (name, args) {
        ("query", [Value::Text(query)]) => {
            let samples = (world.query)(query)?;
            Value::Vector(samples.into_iter().map(Rc::new).collect())
        }
        ("first", [Value::Vector(samples)]) => {
            let first = samples.first().ok_or("first() called on vector with no elements")?;
            Value::Sample(Rc::clone(first))
        }
        ("value", [Value::Sample(sample)]) => Value::of_number(sample.value, sample.histogram.as_ref()),
        ("strvalue", [Value::Sample(sample)]) => label_of(sample, "__value__"),
        ("label", [Value::Text(label), Value::Sample(sample)]) => label_of(sample, label),
        ("sortByLabel", [Value::Text(label), Value::Vector(samples)]) => {
            let mut sorted = samples.to_vec();
            let by = |sample: &Rc<Sample>| sample.labels.get(&**label).cloned().unwrap_or_default();
            sorted.sort_by_cached_key(by);
            Value::Vector(sorted.into())
        }
        _ => return Err("wrong arguments".to_owned()),
    })
}

fn label_of(sample: &Sample, label: &str) -> Value {
    Value::text(sample.labels.get(label).map_or("", String::as_str))
}

fn of_texts(name: &str, args: &[Value], world: &World<'_>) -> Result<Value, String> {
    let number = || args.first().map_or(Ok(0.0), humanize::number_of);
    let texts: Vec<&str> = args.iter().map(|arg| if let Value::Text(text) = arg { text } else { "" }).collect();
    let first = texts.first().copied().unwrap_or_default();
    Ok(Value::Text(Rc::from(match name {
        "humanize" => humanize::humanize(number()?),
        "humanize1024" => humanize::humanize_1024(number()?),
        "humanizeDuration" => humanize::humanize_duration(number()?),
        "humanizePercentage" => humanize::humanize_percentage(number()?),
        "humanizeTimestamp" => humanize::humanize_timestamp(number()?)?,
        "toTime" => return Ok(Value::Time(humanize::time_ms(number()?)?)),
        "toDuration" => return to_duration(number()?),
        "now" => return Ok(Value::Float(world.now_ms as f64 / 1000.0)),
        "parseDuration" => return text::parse_duration(first).map(Value::Float),
        "match" => return text::is_match(first, texts.get(1).unwrap_or(&"")).map(Value::Bool),
        "reReplaceAll" => {
            let [pattern, replacement, text] = texts[..] else { return Err("wrong arguments".to_owned()) };
            text::replace_all(pattern, replacement, text, world.most)?
        }
        "title" => text::title(first),
        "toUpper" => first.to_uppercase(),
        "toLower" => first.to_lowercase(),
        "safeHtml" => first.to_owned(),
        "stripPort" => text::strip_port(first),
        "stripDomain" => text::strip_domain(first),
        "urlQueryEscape" => text::query_escape(first),
        "graphLink" => format!("/graph?g0.expr={}&g0.tab=0", text::query_escape(first)),
        "tableLink" => format!("/graph?g0.expr={}&g0.tab=1", text::query_escape(first)),
        "externalURL" => world.external_url.to_owned(),
        "pathPrefix" => text::path(world.external_url),
        "printf" => printf(first, args.get(1..).unwrap_or_default(), world.most),
        "print" => print(args, world.most),
        "println" => println(args, world.most),
        "html" => text::html(&print(args, world.most)),
        "js" => text::js(&print(args, world.most)),
        "urlquery" => text::query_escape(&print(args, world.most)),
        "args" => return Ok(Value::Args(Rc::new(Args::new(args)?))),
        _ => return Err(format!("function {name:?} not defined")),
    })))
}

fn to_duration(seconds: f64) -> Result<Value, String> {
    let nanoseconds = seconds * 1e9;
    match (-9.223_372_036_854_776e18..=9.223_372_036_854_776e18).contains(&nanoseconds) {
        true => Ok(Value::Duration(nanoseconds as i64)),
        false => Err(format!(
            "{} cannot be represented as a duration since it overflows int64",
            super::value::float_text(seconds)
        )),
    }
}

/// One after the other, with a space between two neither of which is a text; no more once there are `most` bytes.
fn print(args: &[Value], most: usize) -> String {
    let mut out = String::new();
    for (index, arg) in args.iter().enumerate() {
        if out.len() > most {
            break;
        }
        let is_text = |arg: &Value| matches!(arg, Value::Text(_));
        if index > 0 && !is_text(arg) && !is_text(&args[index - 1]) {
            out.push(' ');
        }
        out += &match arg {
            Value::Nothing => "<nil>".to_owned(),
            arg => arg.print(most),
        };
    }
    out
}

/// The same with a space between any two, and the end of a line.
fn println(args: &[Value], most: usize) -> String {
    let mut out = String::new();
    for (index, arg) in args.iter().enumerate() {
        if out.len() > most {
            break;
        }
        out += if index > 0 { " " } else { "" };
        out += &arg.print(most);
    }
    out + "\n"
}

fn of_values(name: &str, args: &[Value]) -> Result<Value, String> {
    let [first, rest @ ..] = args else { return Err("missing argument for comparison".to_owned()) };
    Ok(match name {
        // The first that decides, or the last.
        "and" | "or" => {
            let decides = |arg: &&Value| arg.is_true() == (name == "or");
            args.iter().find(decides).or(args.last()).unwrap_or(first).clone()
        }
        "not" => Value::Bool(!first.is_true()),
        "len" => Value::Whole(length(first)? as i64),
        "index" => rest.iter().try_fold(first.clone(), |of, at| index(&of, at))?,
        "slice" => slice(first, rest)?,
        "eq" if rest.is_empty() => return Err("missing argument for comparison".to_owned()),
        "eq" => {
            for other in rest {
                if is_equal(first, other)? {
                    return Ok(Value::Bool(true));
                }
            }
            Value::Bool(false)
        }
        _ => {
            let [other] = rest else { return Err("missing argument for comparison".to_owned()) };
            Value::Bool(match name {
                "ne" => !is_equal(first, other)?,
                "lt" => order(first, other)? == Some(Ordering::Less),
                "le" => matches!(order(first, other)?, Some(Ordering::Less | Ordering::Equal)),
                "gt" => !matches!(order_or_less(first, other)?, Ordering::Less | Ordering::Equal),
                _ => order_or_less(first, other)? != Ordering::Less,
            })
        }
    })
}

/// `gt` and `ge` are what `le` and `lt` are not, and so hold of what has no order.
fn order_or_less(one: &Value, other: &Value) -> Result<Ordering, String> {
    Ok(order(one, other)?.unwrap_or(Ordering::Greater))
}

fn length(of: &Value) -> Result<usize, String> {
    match of {
        Value::Text(text) => Ok(text.len()),
        Value::Labels(map) => Ok(map.len()),
        Value::Args(args) => Ok(args.values.len()),
        Value::Vector(samples) => Ok(samples.len()),
        Value::Nothing => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        other => Err(format!("len of type {}", other.type_name())),
    }
}

fn index(of: &Value, at: &Value) -> Result<Value, String> {
    let number = |length: usize| match at {
        Value::Whole(at) => {
            usize::try_from(*at).ok().filter(|at| *at < length).ok_or_else(|| out_of_range(of, *at, length))
        }
        Value::Nothing => Err("cannot index slice/array with nil".to_owned()),
        other => Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    let name = || match at {
        Value::Text(name) => Ok(name),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    };
    match of {
        Value::Labels(map) => Ok(Value::text(map.get(&**name()?).map_or("", String::as_str))),
        Value::Args(args) => Ok(args.values.get(&**name()?).cloned().unwrap_or(Value::Nothing)),
        Value::Vector(samples) => Ok(Value::Sample(Rc::clone(&samples[number(samples.len())?]))),
        Value::Text(text) => Ok(Value::Whole(i64::from(text.as_bytes()[number(text.len())?]))),
        Value::Nothing => Err("index of untyped nil".to_owned()),
        other => Err(format!("can't index item of type {}", other.type_name())),
    }
}

/// Go looks whether a place lies behind the end, not whether it is the end; that is found by another.
fn out_of_range(of: &Value, at: i64, length: usize) -> String {
    match (usize::try_from(at) == Ok(length), of) {
        (true, Value::Text(_)) => "reflect: string index out of range".to_owned(),
        (true, _) => "reflect: slice index out of range".to_owned(),
        (false, _) => format!("index out of range: {at}"),
    }
}

fn slice(of: &Value, bounds: &[Value]) -> Result<Value, String> {
    let length = match of {
        Value::Text(_) if bounds.len() > 2 => return Err("cannot 3-index slice a string".to_owned()),
        Value::Text(_) | Value::Vector(_) => length(of)?,
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut ends = [0, length];
    if bounds.len() > 2 {
        return Err(format!("too many slice indexes: {}", bounds.len()));
    }
    for (end, bound) in ends.iter_mut().zip(bounds) {
        *end = match bound {
            Value::Whole(at) => usize::try_from(*at)
                .ok()
                .filter(|at| *at <= length)
                .ok_or_else(|| format!("index out of range: {at}"))?,
            other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
        };
    }
    let [from, to] = ends;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match of {
        Value::Vector(samples) => Value::Vector(samples[from..to].into()),
        Value::Text(text) => Value::text(&String::from_utf8_lossy(&text.as_bytes()[from..to])),
        other => other.clone(),
    })
}

fn is_equal(one: &Value, other: &Value) -> Result<bool, String> {
    Ok(match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Whole(one), Value::Whole(other)) => one == other,
        (Value::Float(one), Value::Float(other)) => one == other,
        (Value::Text(one), Value::Text(other)) => one == other,
        (Value::Sample(one), Value::Sample(other)) => Rc::ptr_eq(one, other),
        (Value::Nothing, Value::Nothing) => true,
        (Value::Nothing, _) | (_, Value::Nothing) => false,
        (map @ (Value::Labels(_) | Value::Args(_) | Value::Vector(_)), _) => {
            return Err(format!("non-comparable type {}: {}", map.print(1 << 10), map.type_name()));
        }
        _ => return Err(incompatible(one, other)),
    })
}

fn incompatible(one: &Value, other: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", one.type_name(), other.type_name())
}

fn order(one: &Value, other: &Value) -> Result<Option<Ordering>, String> {
    match (one, other) {
        (Value::Whole(one), Value::Whole(other)) => Ok(Some(one.cmp(other))),
        (Value::Float(one), Value::Float(other)) => Ok(one.partial_cmp(other)),
        (Value::Text(one), Value::Text(other)) => Ok(Some(one.cmp(other))),
        (Value::Whole(_) | Value::Float(_) | Value::Text(_), Value::Whole(_) | Value::Float(_) | Value::Text(_)) => {
            Err(incompatible(one, other))
        }
        _ => Err("invalid type for comparison".to_owned()),
    }
}
