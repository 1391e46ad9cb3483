//! Functions of the labels alone.

use crate::QueryError;
use crate::labelset::LabelScratch;
use model::{METRIC_NAME, Regex};

/// What a label's value may have in bytes: more does not fit the packed layout.
const MAX_VALUE_BYTES: usize = 0xff_ffff;

/// `label_replace`: gives `to` what `template` makes of the groups that `regex` finds in the value of `from`.
#[derive(Debug)]
pub(crate) struct LabelReplace {
    to: Vec<u8>,
    template: Vec<u8>,
    from: Vec<u8>,
    regex: Regex,
}

/// `label_join`: gives `to` the values of `from`, with a separator between them.
#[derive(Debug)]
pub(crate) struct LabelJoin {
    to: Vec<u8>,
    separator: Vec<u8>,
    from: Vec<Vec<u8>>,
}

impl LabelReplace {
    /// # Errors
    /// What is no regular expression, or no name for a label.
    pub(crate) fn new(to: &[u8], template: &[u8], from: &[u8], pattern: &[u8]) -> Result<Self, QueryError> {
        let invalid = || {
            let pattern = String::from_utf8_lossy(pattern);
            QueryError::Execution(format!("invalid regular expression in label_replace(): {pattern}"))
        };
        let regex = Regex::new(str::from_utf8(pattern).map_err(|_| invalid())?).map_err(|_| invalid())?;
        check_name(to, "destination", "label_replace")?;
        Ok(Self { to: to.to_vec(), template: template.to_vec(), from: from.to_vec(), regex })
    }

    pub(crate) fn apply(&self, labels: &mut LabelScratch, drop_name: &mut bool) -> Result<(), QueryError> {
        let mut value = Vec::new();
        let from = labels.labels().get(&self.from).unwrap_or_default();
        let Some(captures) = self.regex.captures(from) else { return Ok(()) };
        captures.expand(&self.template, &mut value);
        set(labels, &self.to, &value, drop_name)
    }
}

impl LabelJoin {
    /// # Errors
    /// What is no name for a label.
    pub(crate) fn new(to: &[u8], separator: &[u8], from: Vec<Vec<u8>>) -> Result<Self, QueryError> {
        for name in &from {
            check_name(name, "source", "label_join")?;
        }
        check_name(to, "destination", "label_join")?;
        Ok(Self { to: to.to_vec(), separator: separator.to_vec(), from })
    }

    pub(crate) fn apply(&self, labels: &mut LabelScratch, drop_name: &mut bool) -> Result<(), QueryError> {
        let values: Vec<&[u8]> = self.from.iter().map(|name| labels.labels().get(name).unwrap_or_default()).collect();
        let value = values.join(self.separator.as_slice());
        set(labels, &self.to, &value, drop_name)
    }
}

fn set(labels: &mut LabelScratch, name: &[u8], value: &[u8], drop_name: &mut bool) -> Result<(), QueryError> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(QueryError::Execution(format!("a label value of {} bytes is too long", value.len())));
    }
    labels.set(name, value);
    *drop_name &= name != METRIC_NAME;
    Ok(())
}

/// Any UTF-8 is a name, but for the empty one.
fn check_name(name: &[u8], which: &str, function: &str) -> Result<(), QueryError> {
    if name.is_empty() || str::from_utf8(name).is_err() {
        let name = String::from_utf8_lossy(name);
        return Err(QueryError::Execution(format!("invalid {which} label name in {function}(): {name}")));
    }
    Ok(())
}
