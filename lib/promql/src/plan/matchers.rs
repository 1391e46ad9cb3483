//! Matchers in one form, so that those that mean the same are alike.

use model::{MatchOp, Matcher};

/// What `matchers` accept, in one form: sorted, each once, without those that accept all, and a comparison where a regular
/// expression has one value only.
pub(super) fn normal(matchers: &[Matcher]) -> Vec<Matcher> {
    let mut normal: Vec<Matcher> = matchers.iter().filter(|matcher| !matcher.matches_all()).map(plain).collect();
    if normal.is_empty() {
        // Stores refuse to be asked for anything there is.
        return matchers.to_vec();
    }
    normal.sort_by(|a, b| key(a).cmp(&key(b)));
    normal.dedup();
    normal
}

/// The order of matchers means nothing.
pub(super) fn sorted(matchers: &[Matcher]) -> Vec<&Matcher> {
    let mut sorted: Vec<&Matcher> = matchers.iter().collect();
    sorted.sort_by(|a, b| key(a).cmp(&key(b)));
    sorted
}

/// What `narrow` asks for beyond what `wide` does; `None` if `wide` asks for something else.
pub(super) fn beyond(narrow: &[Matcher], wide: &[Matcher]) -> Option<Vec<Matcher>> {
    let contains = |matchers: &[Matcher], wanted: &Matcher| matchers.iter().any(|matcher| matcher == wanted);
    if !wide.iter().all(|matcher| contains(narrow, matcher)) {
        return None;
    }
    Some(narrow.iter().filter(|matcher| !contains(wide, matcher)).cloned().collect())
}

fn key(matcher: &Matcher) -> (&[u8], MatchOp, &[u8]) {
    (matcher.name(), matcher.op(), matcher.value())
}

fn plain(matcher: &Matcher) -> Matcher {
    let op = match matcher.op() {
        MatchOp::Regex => MatchOp::Equal,
        MatchOp::NotRegex => MatchOp::NotEqual,
        MatchOp::Equal | MatchOp::NotEqual => return matcher.clone(),
    };
    let positive = if op == MatchOp::Equal { matcher.clone() } else { matcher.inverse() };
    let Some([value]) = positive.set_values() else { return matcher.clone() };
    Matcher::new(op, matcher.name(), value).unwrap_or_else(|_| matcher.clone())
}

#[cfg(test)]
mod tests;
