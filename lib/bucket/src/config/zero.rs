//! Values as Go's YAML reader gives them.

use flags::PromDuration;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is named and left empty (`b:`) is the type's zero value.
pub(super) fn or_zero<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A duration in Prometheus' spelling, `1m30s`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct YamlDuration(pub PromDuration);

impl<'de> Deserialize<'de> for YamlDuration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for YamlDuration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}
