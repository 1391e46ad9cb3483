//! JSON as Go's `encoding/json` reads it into structs: names of members in any case, unknown ones passed over, `null` for
//! nothing at all, the last of several members of one name.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A value with its members in the order they came, repeated ones among them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// A number, if it is an integer that fits.
    Number(Option<i64>),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// What is there instead of what should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unexpected {
    pub(super) found: &'static str,
    pub(super) wanted: &'static str,
}

static NULL: Json = Json::Null;

impl Json {
    /// The member called `name`; null if there is none.
    pub(super) fn member(&self, name: &str) -> Result<&Json, Unexpected> {
        match self {
            Self::Object(members) => {
                let last = members.iter().rev().find(|(have, _)| have.eq_ignore_ascii_case(name));
                Ok(last.map_or(&NULL, |(_, value)| value))
            }
            Self::Null => Ok(&NULL),
            _ => Err(self.instead_of("an object")),
        }
    }

    /// A string; null is an empty one.
    pub(super) fn string(&self) -> Result<String, Unexpected> {
        match self {
            Self::String(text) => Ok(text.clone()),
            Self::Null => Ok(String::new()),
            _ => Err(self.instead_of("a string")),
        }
    }

    /// An integer; null is 0.
    pub(super) fn integer(&self) -> Result<i64, Unexpected> {
        match self {
            Self::Number(Some(number)) => Ok(*number),
            Self::Null => Ok(0),
            _ => Err(self.instead_of("an integer")),
        }
    }

    /// True or false; null is false.
    pub(super) fn bool(&self) -> Result<bool, Unexpected> {
        match self {
            Self::Bool(value) => Ok(*value),
            Self::Null => Ok(false),
            _ => Err(self.instead_of("true or false")),
        }
    }

    /// The elements of an array; null has none.
    pub(super) fn elements(&self) -> Result<&[Json], Unexpected> {
        match self {
            Self::Array(elements) => Ok(elements),
            Self::Null => Ok(&[]),
            _ => Err(self.instead_of("an array")),
        }
    }

    /// The members of an object; null has none.
    pub(super) fn members(&self) -> Result<&[(String, Json)], Unexpected> {
        match self {
            Self::Object(members) => Ok(members),
            Self::Null => Ok(&[]),
            _ => Err(self.instead_of("an object")),
        }
    }

    fn instead_of(&self, wanted: &'static str) -> Unexpected {
        let found = match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(Some(_)) => "an integer",
            Self::Number(None) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        };
        Unexpected { found, wanted }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(Some(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(i64::try_from(value).ok()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number(None))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = from.next_element()? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = from.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}
