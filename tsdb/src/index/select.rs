//! From matchers to series.
//!
//! As in Prometheus, a label that is not there counts as empty. So a matcher that accepts the empty value takes away the
//! series whose value it refuses, and one that does not picks those whose value it accepts. The smallest picked set is
//! walked, and the others are asked about its ids.

use super::IndexReader;
use super::ids::{IdList, Union};
use super::series::SeriesEntry;
use crate::series::SourceError;
use model::Matcher;
use std::collections::BTreeSet;

/// The ids of the series that all matchers accept (all series, if there is none), rising: in the order of their labels.
///
/// # Errors
/// A damaged list.
pub fn series_ids(index: &IndexReader, matchers: &[Matcher]) -> Result<Vec<u32>, SourceError> {
    let (mut picked, mut taken_away) = (Vec::new(), Vec::new());
    for matcher in matchers.iter().filter(|matcher| !matcher.matches_all()) {
        if matcher.matches_empty() {
            taken_away.push(accepted(index, &matcher.inverse())?);
        } else {
            let union = accepted(index, matcher)?;
            if union.len() == 0 {
                return Ok(Vec::new());
            }
            picked.push(union);
        }
    }
    // The smallest last, to be popped.
    picked.sort_by_key(|union| std::cmp::Reverse(union.len()));
    let mut ids = match picked.pop() {
        Some(smallest) => smallest.into_ids(),
        None => index.all_postings()?.iter().collect(),
    };
    for union in picked.iter().rev() {
        union.retain(&mut ids, true);
    }
    for union in &taken_away {
        union.retain(&mut ids, false);
    }
    Ok(ids)
}

/// The names of the labels of the series that the matchers accept (of all, if there is none), sorted.
///
/// # Errors
/// A damaged list or entry.
pub fn label_names(index: &IndexReader, matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
    if matchers.iter().all(Matcher::matches_all) {
        return Ok(index.label_names().map(<[u8]>::to_vec).collect());
    }
    let (mut entry, mut numbers) = (SeriesEntry::default(), BTreeSet::new());
    for id in series_ids(index, matchers)? {
        index.series(id, &mut entry)?;
        numbers.extend(entry.labels.iter().map(|&(name, _)| name));
    }
    // Symbols are sorted, so their numbers are in the same order.
    numbers.into_iter().map(|number| index.symbol(number).map(<[u8]>::to_vec)).collect()
}

/// The values of label `name` among the series that the matchers accept (among all, if there is none), sorted. No series
/// is read: a value is there if its list has a series in common with those.
///
/// # Errors
/// A damaged list.
pub fn label_values(index: &IndexReader, name: &[u8], matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
    let matchers: Vec<&Matcher> = matchers.iter().filter(|matcher| !matcher.matches_all()).collect();
    let (own, others): (Vec<&Matcher>, Vec<&Matcher>) =
        matchers.into_iter().partition(|matcher| matcher.name() == name);
    let wanted = |value: &[u8]| own.iter().all(|matcher| matcher.matches(value));
    let rows = index.rows(name, b"").filter(|row| !row.name.is_empty() && wanted(row.value));
    if others.is_empty() {
        return Ok(rows.map(|row| row.value.to_vec()).collect());
    }
    let others: Vec<Matcher> = others.into_iter().cloned().collect();
    let ids = series_ids(index, &others)?;
    let mut values = Vec::new();
    for row in rows {
        if index.list(row.list)?.intersects(&ids) {
            values.push(row.value.to_vec());
        }
    }
    Ok(values)
}

/// The series that have the label with a value which `matcher`, which refuses the empty one, accepts.
fn accepted<'a>(index: &'a IndexReader, matcher: &Matcher) -> Result<Union<'a>, SourceError> {
    let name = matcher.name();
    let mut lists: Vec<IdList<'a>> = Vec::new();
    if let Some(values) = matcher.set_values() {
        for value in values {
            lists.push(index.postings(name, value)?);
        }
        return Ok(Union::of(&lists));
    }
    let prefix = matcher.prefix();
    let any = matcher.matches_any_present();
    for row in index.rows(name, prefix).take_while(|row| row.value.starts_with(prefix)) {
        // The list of all series stands under the empty name and value, which no series has.
        if row.value.is_empty() {
            continue;
        }
        if any || matcher.matches(row.value) {
            lists.push(index.list(row.list)?);
        }
    }
    Ok(Union::of(&lists))
}
