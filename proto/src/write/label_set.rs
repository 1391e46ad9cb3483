//! From labels as they were sent to the label set they mean, or the reason why they mean none.

use super::Malformed;
use model::{Label, Quoted};
use std::ops::Range;

/// What a label set may have. All limits are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelLimits {
    pub name_bytes: usize,
    pub value_bytes: usize,
    pub labels: usize,
}

/// 1,024 and 2,048 bytes as in Cortex; 64 labels.
impl Default for LabelLimits {
    fn default() -> Self {
        Self { name_bytes: 1024, value_bytes: 2048, labels: 64 }
    }
}

/// Why labels are no label set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabelSet {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("there is no label")]
    NoLabels,
    #[error("a label name is empty")]
    EmptyName,
    #[error("label {name} has an empty value")]
    EmptyValue { name: Excerpt },
    #[error("label name {name} occurs more than once")]
    DuplicateName { name: Excerpt },
    #[error("label name {name} is not valid UTF-8")]
    NameNotUtf8 { name: Excerpt },
    #[error("the value of label {name} is not valid UTF-8")]
    ValueNotUtf8 { name: Excerpt },
    #[error("label name {name} has {size_bytes} bytes, {limit_bytes} are allowed")]
    NameTooLong { name: Excerpt, size_bytes: usize, limit_bytes: usize },
    #[error("the value of label {name} has {size_bytes} bytes, {limit_bytes} are allowed")]
    ValueTooLong { name: Excerpt, size_bytes: usize, limit_bytes: usize },
    #[error("there are {labels} labels, {limit} are allowed")]
    TooMany { labels: usize, limit: usize },
}

/// The beginning of a string from outside, quoted and escaped, fit to be shown and logged: at most
/// [`Excerpt::MAX_BYTES`] long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// How long an excerpt may get, in bytes.
    pub const MAX_BYTES: usize = 160;

    /// Quotes the beginning of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let room = Self::MAX_BYTES - "…\"".len();
        let mut quoted = Quoted(bytes.get(..room).unwrap_or(bytes)).to_string();
        if quoted.len() > Self::MAX_BYTES || bytes.len() > room {
            quoted.truncate(quoted.floor_char_boundary(room));
            quoted.push_str("…\"");
        }
        Self(quoted)
    }
}

impl std::fmt::Display for Excerpt {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

/// Checks and sorts `labels` and appends the set they mean to `packed`, in the layout of [`model::LabelsRef`]; returns
/// where it lies. `order` is for work; both can be used for one series after another.
///
/// # Errors
/// The first thing that is wrong; `packed` is as it was then.
pub fn pack_labels<'a>(
    labels: impl Iterator<Item = Result<Label<'a>, Malformed>>,
    limits: &LabelLimits,
    order: &mut Vec<Label<'a>>,
    packed: &mut Vec<u8>,
) -> Result<Range<usize>, InvalidLabelSet> {
    order.clear();
    let mut count = 0;
    for label in labels {
        let label = label?;
        count += 1;
        // More than the limit are counted for the message, and not kept.
        if count <= limits.labels {
            check(label, limits)?;
            order.push(label);
        }
    }
    if count > limits.labels {
        return Err(InvalidLabelSet::TooMany { labels: count, limit: limits.labels });
    }
    if order.is_empty() {
        return Err(InvalidLabelSet::NoLabels);
    }
    if !order.is_sorted_by(|left, right| left.name < right.name) {
        order.sort_unstable_by(|left, right| left.name.cmp(right.name));
        if let Some([label, _]) = order.array_windows().find(|[left, right]| left.name == right.name) {
            return Err(InvalidLabelSet::DuplicateName { name: Excerpt::of(label.name) });
        }
    }
    let start = packed.len();
    for label in order.iter() {
        push_string(packed, label.name);
        push_string(packed, label.value);
    }
    // All at once: sizes under 128 are ASCII, too, and nearly always all is.
    if !packed[start..].is_ascii()
        && let Err(invalid) = order.iter().try_for_each(|label| check_utf8(*label))
    {
        packed.truncate(start);
        return Err(invalid);
    }
    Ok(start..packed.len())
}

fn check(label: Label<'_>, limits: &LabelLimits) -> Result<(), InvalidLabelSet> {
    let (size_bytes, limit_bytes) = (label.name.len(), limits.name_bytes.min(MAX_STRING_BYTES));
    if size_bytes == 0 {
        return Err(InvalidLabelSet::EmptyName);
    }
    let name = || Excerpt::of(label.name);
    if size_bytes > limit_bytes {
        return Err(InvalidLabelSet::NameTooLong { name: name(), size_bytes, limit_bytes });
    }
    let (size_bytes, limit_bytes) = (label.value.len(), limits.value_bytes.min(MAX_STRING_BYTES));
    if size_bytes == 0 {
        return Err(InvalidLabelSet::EmptyValue { name: name() });
    }
    if size_bytes > limit_bytes {
        return Err(InvalidLabelSet::ValueTooLong { name: name(), size_bytes, limit_bytes });
    }
    Ok(())
}

fn check_utf8(label: Label<'_>) -> Result<(), InvalidLabelSet> {
    if std::str::from_utf8(label.name).is_err() {
        return Err(InvalidLabelSet::NameNotUtf8 { name: Excerpt::of(label.name) });
    }
    if std::str::from_utf8(label.value).is_err() {
        return Err(InvalidLabelSet::ValueNotUtf8 { name: Excerpt::of(label.name) });
    }
    Ok(())
}

/// What three bytes of size can say.
const MAX_STRING_BYTES: usize = 0xff_ffff;

/// Appends a string of at most [`MAX_STRING_BYTES`] in the packed layout.
fn push_string(packed: &mut Vec<u8>, string: &[u8]) {
    let [low, mid, high, ..] = string.len().to_le_bytes();
    if string.len() < 0xff {
        packed.push(low);
    } else {
        packed.extend_from_slice(&[0xff, low, mid, high]);
    }
    packed.extend_from_slice(string);
}

#[cfg(test)]
mod tests;
