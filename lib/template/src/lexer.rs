//! Text and what stands in braces, in tokens.

/// A token, and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// As it was written.
    pub(super) text: String,
    pub(super) at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is not in braces.
    Text,
    Open,
    Close,
    Space,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Pipe,
    LeftParen,
    RightParen,
    Comma,
    Dot,
    /// `.name`
    Field,
    /// `$name`
    Variable,
    Identifier,
    Keyword,
    Bool,
    Nil,
    Number,
    Char,
    Quoted,
    Raw,
    /// A sign that means nothing.
    Other,
    End,
    /// The text says what is wrong; the last token.
    Error,
}

const KEYWORDS: [&str; 10] = ["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"];

/// All tokens of a text: the last is an end or an error.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    match lexer.run() {
        Ok(()) => lexer.push(Kind::End, text.len()),
        Err((at, fault)) => lexer.tokens.push(Token { kind: Kind::Error, text: fault, at }),
    }
    lexer.tokens
}

/// Where, and what.
type Fault = (usize, String);

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes what is left up to `end`.
    fn push(&mut self, kind: Kind, end: usize) {
        let text = self.text.get(self.at..end).unwrap_or_default().to_owned();
        self.tokens.push(Token { kind, text, at: self.at });
        self.at = end;
    }

    fn run(&mut self) -> Result<(), Fault> {
        let mut trims = false;
        loop {
            if trims {
                self.at = self.text.len() - self.rest().trim_start_matches(is_space).len();
            }
            let Some(open) = self.rest().find("{{") else {
                if !self.rest().is_empty() {
                    self.push(Kind::Text, self.text.len());
                }
                return Ok(());
            };
            self.before(self.at + open);
            trims = self.action()?;
        }
    }

    /// The text before braces at `open`, without its last spaces if the braces say so.
    fn before(&mut self, open: usize) {
        let text = self.text.get(self.at..open).unwrap_or_default();
        let kept = if trims_left(&self.text[open + 2..]) { text.trim_end_matches(is_space) } else { text };
        if !kept.is_empty() {
            self.push(Kind::Text, self.at + kept.len());
        }
        self.at = open;
    }

    /// What is in braces, which begin here. Says whether spaces behind them go.
    fn action(&mut self) -> Result<bool, Fault> {
        let marker = if trims_left(&self.rest()[2..]) { 2 } else { 0 };
        let inside = self.at + 2 + marker;
        if self.text[inside..].starts_with("/*") {
            return self.comment(inside);
        }
        self.push(Kind::Open, self.at + 2);
        self.at = inside;
        let mut depth = 0_usize;
        loop {
            let rest = self.rest();
            let trims = rest.starts_with(is_space) && rest[1..].starts_with("-}}");
            if trims || rest.starts_with("}}") {
                if depth > 0 {
                    return Err((self.at, "unclosed left paren".to_owned()));
                }
                self.at += if trims { 2 } else { 0 };
                self.push(Kind::Close, self.at + 2);
                return Ok(trims);
            }
            self.token(&mut depth)?;
        }
    }

    fn comment(&mut self, inside: usize) -> Result<bool, Fault> {
        let Some(length) = self.text[inside..].find("*/") else {
            return Err((inside, "unclosed comment".to_owned()));
        };
        self.at = inside + length + 2;
        let rest = self.rest();
        let trims = rest.starts_with(is_space) && rest[1..].starts_with("-}}");
        let close = if trims { 2 } else { 0 };
        if !rest.get(close..).is_some_and(|rest| rest.starts_with("}}")) {
            return Err((self.at, "comment ends before closing delimiter".to_owned()));
        }
        self.at += close + 2;
        Ok(trims)
    }

    fn token(&mut self, depth: &mut usize) -> Result<(), Fault> {
        let (rest, at) = (self.rest(), self.at);
        let Some(first) = rest.chars().next() else {
            return Err((at, "unclosed action".to_owned()));
        };
        match first {
            _ if is_space(first) => {
                let spaces = rest.len() - rest.trim_start_matches(is_space).len();
                // The last space before `-}}` belongs to it.
                let kept = if rest[spaces..].starts_with("-}}") { spaces - 1 } else { spaces };
                self.push(Kind::Space, at + kept);
            }
            '=' => self.push(Kind::Assign, at + 1),
            ':' if rest.starts_with(":=") => self.push(Kind::Declare, at + 2),
            ':' => return Err((at, "expected :=".to_owned())),
            '|' => self.push(Kind::Pipe, at + 1),
            '(' => {
                self.push(Kind::LeftParen, at + 1);
                *depth += 1;
            }
            ')' => {
                *depth = depth.checked_sub(1).ok_or_else(|| (at, "unexpected right paren".to_owned()))?;
                self.push(Kind::RightParen, at + 1);
            }
            ',' => self.push(Kind::Comma, at + 1),
            '"' => self.quoted('"', Kind::Quoted, "unterminated quoted string")?,
            '\'' => self.quoted('\'', Kind::Char, "unterminated character constant")?,
            '`' => {
                let length = rest[1..].find('`').ok_or_else(|| (at, "unterminated raw quoted string".to_owned()))?;
                self.push(Kind::Raw, at + length + 2);
            }
            '.' if !rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
                self.name(1, Kind::Field, Kind::Dot)?
            }
            '$' => self.name(1, Kind::Variable, Kind::Variable)?,
            '.' | '+' | '-' | '0'..='9' => self.number()?,
            _ if is_word(first) => self.word()?,
            _ if first.is_ascii_graphic() => self.push(Kind::Other, at + 1),
            _ => return Err((at, format!("unrecognized character in action: {}", code_point(first)))),
        }
        Ok(())
    }

    fn quoted(&mut self, quote: char, kind: Kind, fault: &str) -> Result<(), Fault> {
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((index, char)) = chars.next() {
            match char {
                '\\' if !matches!(chars.next(), None | Some((_, '\n'))) => {}
                '\\' | '\n' => break,
                _ if char == quote => {
                    self.push(kind, self.at + index + char.len_utf8());
                    return Ok(());
                }
                _ => {}
            }
        }
        Err((self.at, fault.to_owned()))
    }

    /// A name behind a sign of `skip` bytes: `named`, or only the sign.
    fn name(&mut self, skip: usize, named: Kind, alone: Kind) -> Result<(), Fault> {
        let length = skip + word_length(&self.rest()[skip..]);
        self.check_end(length)?;
        self.push(if length > skip { named } else { alone }, self.at + length);
        Ok(())
    }

    fn word(&mut self) -> Result<(), Fault> {
        let length = word_length(self.rest());
        self.check_end(length)?;
        let kind = match &self.rest()[..length] {
            word if KEYWORDS.contains(&word) => Kind::Keyword,
            "true" | "false" => Kind::Bool,
            "nil" => Kind::Nil,
            _ => Kind::Identifier,
        };
        self.push(kind, self.at + length);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let sign = usize::from(rest.starts_with(['+', '-']));
        let is_hex = rest[sign..].starts_with("0x") || rest[sign..].starts_with("0X");
        let mut length = sign;
        let mut before = ' ';
        for char in rest[sign..].chars() {
            let is_exponent = if is_hex { matches!(before, 'p' | 'P') } else { matches!(before, 'e' | 'E') };
            if !(is_word(char) || char == '.' || matches!(char, '+' | '-') && is_exponent) {
                break;
            }
            (length, before) = (length + char.len_utf8(), char);
        }
        let text = &rest[..length];
        // What is too large, or none, is told by who reads it.
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if read_number(text).is_none() && !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err((self.at, format!("bad number syntax: {text:?}")));
        }
        self.push(Kind::Number, self.at + length);
        Ok(())
    }

    /// What may stand behind a name of so many bytes.
    fn check_end(&self, length: usize) -> Result<(), Fault> {
        match self.rest()[length..].chars().next() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(' | '=') => Ok(()),
            Some(next) if is_space(next) || self.rest()[length..].starts_with("}}") => Ok(()),
            Some(next) => Err((self.at, format!("bad character {}", code_point(next)))),
        }
    }
}

/// A number as it is written: whole, or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    Float(f64),
}

/// Reads a number as Go's templates do; `None`: it is none, or complex.
pub(super) fn read_number(text: &str) -> Option<Number> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] if lower.bytes().all(|byte| byte.is_ascii_digit()) => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if body.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && let Ok(whole) = i64::from_str_radix(body, radix)
    {
        return Some(Number::Whole(sign * whole));
    }
    let is_float = radix == 10 && lower.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-'));
    let float: f64 = lower.parse().ok().filter(|float: &f64| is_float && float.is_finite())?;
    Some(Number::Float(sign as f64 * float))
}

fn trims_left(inside: &str) -> bool {
    inside.starts_with('-') && inside[1..].starts_with(is_space)
}

fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\r' | '\n')
}

fn is_word(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}

fn word_length(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_word).len()
}

/// `U+0040 '@'`
fn code_point(char: char) -> String {
    format!("U+{:04X} '{char}'", u32::from(char))
}
