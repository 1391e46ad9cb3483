//! The commands of a file.

use crate::values::{self, Loaded};

/// A command of a file.
#[derive(Debug)]
pub(crate) enum Command {
    Clear,
    Load(Vec<Loaded>),
    Eval(Eval),
}

/// A query, and what is expected of it.
#[derive(Debug, Default)]
pub(crate) struct Eval {
    pub(crate) text: String,
    /// Start, end and step in milliseconds; the step of an instant query is 0.
    pub(crate) times: (i64, i64, i64),
    pub(crate) expect: Expect,
}

/// What is expected.
#[derive(Debug, Default)]
pub(crate) struct Expect {
    pub(crate) fail: Option<Text>,
    /// `Some([])`: there is one, whichever.
    pub(crate) warn: Option<Vec<Text>>,
    pub(crate) info: Option<Vec<Text>>,
    pub(crate) no_warn: bool,
    pub(crate) no_info: bool,
    pub(crate) ordered: bool,
    pub(crate) string: Option<String>,
    pub(crate) scalar: Option<f64>,
    /// Start and step of the samples of a range vector.
    pub(crate) range_vector: Option<(i64, i64)>,
    pub(crate) series: Vec<Loaded>,
}

/// How a message looks.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    Any,
    Exactly(String),
    Matching(String),
}

/// The commands of `text`, each with its line.
pub(crate) fn read(text: &str) -> Vec<(usize, Command)> {
    let lines: Vec<&str> =
        text.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let block: Vec<&str> = lines[at + 1..].iter().take_while(|line| !line.is_empty()).copied().collect();
        let word = lines[at].split([' ', '_', '\t']).next().unwrap_or_default().to_lowercase();
        let command = match word.as_str() {
            "clear" => Some(Command::Clear),
            "load" => Some(Command::Load(load(lines[at], &block))),
            "eval" => Some(Command::Eval(eval(lines[at], &block))),
            "" => None,
            other => panic!("line {}: {other}", at + 1),
        };
        let has_block = !matches!(command, Some(Command::Clear) | None);
        commands.extend(command.map(|command| (at + 1, command)));
        at += 1 + if has_block { block.len() } else { 0 };
    }
    commands
}

fn load(head: &str, block: &[&str]) -> Vec<Loaded> {
    let (command, step) = head.split_once(char::is_whitespace).unwrap();
    let mut loaded: Vec<Loaded> = Vec::new();
    for line in block {
        if !line.contains("@st") {
            loaded.push(values::series(line, duration_ms(step.trim())));
        }
    }
    if command == "load_with_nhcb" {
        values::add_nhcb(&mut loaded);
    }
    loaded
}

fn eval(head: &str, block: &[&str]) -> Eval {
    let mut words = head.splitn(2, char::is_whitespace);
    let command = words.next().unwrap();
    let rest = words.next().unwrap().trim();
    let (kind, rest) = rest.split_once(char::is_whitespace).unwrap();
    let mut rest = rest.trim();
    let mut take = |word: &str| {
        let after = rest.strip_prefix(word).unwrap_or_else(|| panic!("{head}: no {word}")).trim_start();
        let (value, after) = after.split_once(char::is_whitespace).unwrap();
        rest = after.trim_start();
        duration_ms(value)
    };
    let times = if kind == "range" {
        (take("from"), take("to"), take("step"))
    } else {
        let time = take("at");
        (time, time, 0)
    };
    let mut eval = Eval { text: rest.to_owned(), times, expect: Expect::default() };
    match command.strip_prefix("eval_") {
        Some("fail") => eval.expect.fail = Some(Text::Any),
        Some("warn") => eval.expect.warn = Some(Vec::new()),
        Some("info") => eval.expect.info = Some(Vec::new()),
        Some("ordered") => eval.expect.ordered = true,
        _ => {}
    }
    for line in block {
        match line.strip_prefix("expect ") {
            Some(expectation) => eval.expect.add(expectation.trim()),
            None => match values::number(line) {
                Some(value) => eval.expect.scalar = Some(value),
                None => eval.expect.series.push(values::series(line, 1)),
            },
        }
    }
    eval
}

impl Expect {
    fn add(&mut self, expectation: &str) {
        let (word, rest) = expectation.split_once(char::is_whitespace).unwrap_or((expectation, ""));
        let rest = rest.trim();
        let text = match (rest.strip_prefix("msg:"), rest.strip_prefix("regex:")) {
            (Some(text), _) => Text::Exactly(text.trim().to_owned()),
            (_, Some(text)) => Text::Matching(text.trim().to_owned()),
            _ => Text::Any,
        };
        match word {
            "fail" => self.fail = Some(text),
            "warn" => self.warn.get_or_insert_default().push(text),
            "info" => self.info.get_or_insert_default().push(text),
            "no_warn" => self.no_warn = true,
            "no_info" => self.no_info = true,
            "ordered" => self.ordered = true,
            "string" => self.string = Some(rest[1..rest.len() - 1].to_owned()),
            "range" => {
                let words: Vec<&str> = rest.split_whitespace().collect();
                self.range_vector = Some((duration_ms(words[2]), duration_ms(words[6])));
            }
            other => panic!("expect {other}"),
        }
    }
}

/// Milliseconds of a duration such as `1h30m` or `0`, with a sign.
pub(crate) fn duration_ms(text: &str) -> i64 {
    if let Some(text) = text.strip_prefix('-') {
        return -duration_ms(text);
    }
    let mut total = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |length| digits + length);
        let value: i64 = rest[..digits].parse().unwrap_or_else(|_| panic!("no duration: {text}"));
        total += value
            * match &rest[digits..unit] {
                "ms" => 1,
                "s" | "" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                "w" => 7 * 86_400_000,
                "y" => 365 * 86_400_000,
                other => panic!("no unit: {other} in {text}"),
            };
        rest = &rest[unit..];
    }
    total
}
