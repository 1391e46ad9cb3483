//! JSON with texts as Go writes them.

use serde_json::ser::{CharEscape, Formatter};
use std::io::{self, Write};

/// Escapes, besides what JSON asks for, what HTML and JavaScript would trip over, as Go's encoder does. Layout is left to the
/// formatter within.
#[derive(Debug, Clone, Default)]
pub struct GoText<F>(pub F);

/// What Go escapes and JSON does not ask for. The last two end lines in JavaScript.
const ESCAPED: [(char, &str); 5] =
    [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];

impl<F: Formatter> Formatter for GoText<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, escape)) = next_escaped(rest) {
            let (plain, from) = rest.split_at(at);
            self.0.write_string_fragment(writer, plain)?;
            writer.write_all(escape.as_bytes())?;
            let mut chars = from.chars();
            chars.next();
            rest = chars.as_str();
        }
        self.0.write_string_fragment(writer, rest)
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

fn next_escaped(text: &str) -> Option<(usize, &'static str)> {
    let of = |char| ESCAPED.iter().find(|(escaped, _)| *escaped == char).map(|(_, escape)| *escape);
    text.char_indices().find_map(|(at, char)| of(char).map(|escape| (at, escape)))
}
