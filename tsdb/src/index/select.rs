//! From matchers to series.
//!
//! As in Prometheus, a label that is not there counts as empty. So matchers of one label that all accept the empty value take
//! away the series whose value one of them refuses, and others pick those whose value all of them accept. The smallest picked
//! set is walked, and the others are asked about its ids.
//!
//! What is read for that is a [`Plan`], made from the table alone: a mapped index finds the lists at once, an index in a bucket
//! fetches them first.

use super::IndexReader;
use super::ids::{IdList, Union};
use super::postings::{PostingsRow, PostingsTable};
use super::series::SeriesEntry;
use crate::series::SourceError;
use model::Matcher;
use std::collections::{BTreeMap, BTreeSet};

/// The postings table of an index with the bytes it was scanned from.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    pub table: &'a PostingsTable,
    pub content: &'a [u8],
}

/// The lists that matchers need, and what is done with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// A series must be on one list of each group.
    picked: Vec<Vec<PostingsRow<'a>>>,
    /// And on none of these.
    taken_away: Vec<PostingsRow<'a>>,
}

impl<'a> Table<'a> {
    /// The rows of `name` whose value is not below `from`, in order.
    pub fn rows(self, name: &[u8], from: &[u8]) -> impl Iterator<Item = PostingsRow<'a>> + use<'a> {
        self.table.rows(self.content, name, from)
    }

    /// The row of that label.
    pub fn row(self, name: &[u8], value: &[u8]) -> Option<PostingsRow<'a>> {
        self.rows(name, value).next().filter(|row| row.value == value)
    }

    /// The rows of label `name` with values that all `matchers` accept.
    fn accepted(self, name: &[u8], matchers: &[&Matcher]) -> Vec<PostingsRow<'a>> {
        let accepts = |value: &[u8]| matchers.iter().all(|matcher| matcher.matches(value));
        if let Some(values) = matchers.iter().find_map(|matcher| matcher.set_values()) {
            let mut values: Vec<&[u8]> = values.iter().map(|value| &**value).filter(|value| accepts(value)).collect();
            values.sort_unstable();
            values.dedup();
            return values.into_iter().filter_map(|value| self.row(name, value)).filter(has_value).collect();
        }
        let prefix = matchers.iter().map(|matcher| matcher.prefix()).max_by_key(|prefix| prefix.len());
        let prefix = prefix.unwrap_or_default();
        let any = matchers.iter().all(|matcher| matcher.matches_any_present());
        let rows = self.rows(name, prefix).take_while(|row| row.value.starts_with(prefix)).filter(has_value);
        rows.filter(|row| any || accepts(row.value)).collect()
    }

    /// The rows of label `name` with values that one of `matchers`, all of which accept the empty one, refuses.
    fn refused(self, name: &[u8], matchers: &[&Matcher]) -> Vec<PostingsRow<'a>> {
        if let [one] = matchers {
            return self.accepted(name, &[&one.inverse()]);
        }
        let refuses = |row: &PostingsRow<'_>| matchers.iter().any(|matcher| !matcher.matches(row.value));
        self.rows(name, b"").filter(has_value).filter(refuses).collect()
    }
}

/// The list of all series stands under the empty name and value, which no series has.
fn has_value(row: &PostingsRow<'_>) -> bool {
    !row.value.is_empty()
}

impl<'a> Plan<'a> {
    /// What `matchers` need of the index with that table; `None` if no series can be what they accept.
    pub fn of(table: Table<'a>, matchers: &[Matcher]) -> Option<Self> {
        let mut by_name: BTreeMap<&[u8], Vec<&Matcher>> = BTreeMap::new();
        for matcher in matchers.iter().filter(|matcher| !matcher.matches_all()) {
            by_name.entry(matcher.name()).or_default().push(matcher);
        }
        let mut plan = Self { picked: Vec::new(), taken_away: Vec::new() };
        for (name, matchers) in by_name {
            if matchers.iter().all(|matcher| matcher.matches_empty()) {
                plan.taken_away.extend(table.refused(name, &matchers));
                continue;
            }
            let picked = table.accepted(name, &matchers);
            if picked.is_empty() {
                return None;
            }
            plan.picked.push(picked);
        }
        if plan.picked.is_empty() {
            plan.picked.push(vec![table.row(b"", b"")?]);
        }
        Some(plan)
    }

    /// The groups of which a series must be on one list each.
    pub fn picked(&self) -> impl Iterator<Item = &[PostingsRow<'a>]> {
        self.picked.iter().map(Vec::as_slice)
    }

    /// The lists that a series must not be on.
    pub fn taken_away(&self) -> &[PostingsRow<'a>] {
        &self.taken_away
    }

    /// The lists that are needed, one label's after the other's.
    pub fn lists(&self) -> impl Iterator<Item = PostingsRow<'a>> {
        self.picked.iter().flatten().chain(&self.taken_away).copied()
    }

    /// The ids of the series, rising: in the order of their labels. `list` gives the list of a row.
    ///
    /// # Errors
    /// Those of `list`.
    pub fn ids<'l, E>(&self, list: impl Fn(&PostingsRow<'a>) -> Result<IdList<'l>, E>) -> Result<Vec<u32>, E> {
        let union = |rows: &[PostingsRow<'a>]| {
            let lists = rows.iter().map(&list).collect::<Result<Vec<_>, E>>()?;
            Ok(Union::of(&lists))
        };
        let mut picked = self.picked.iter().map(|rows| union(rows)).collect::<Result<Vec<_>, E>>()?;
        // The smallest last, to be popped.
        picked.sort_by_key(|union| std::cmp::Reverse(union.len()));
        let mut ids = picked.pop().map(Union::into_ids).unwrap_or_default();
        for union in picked.iter().rev() {
            union.retain(&mut ids, true);
        }
        union(&self.taken_away)?.retain(&mut ids, false);
        Ok(ids)
    }
}

/// The ids of the series that all matchers accept (all series, if there is none), rising: in the order of their labels.
///
/// # Errors
/// A damaged list.
pub fn series_ids(index: &IndexReader, matchers: &[Matcher]) -> Result<Vec<u32>, SourceError> {
    match Plan::of(index.table(), matchers) {
        Some(plan) => plan.ids(|row| index.list(row.list)),
        None => Ok(Vec::new()),
    }
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
    let (rows, others) = values_of(index.table(), name, matchers);
    if others.is_empty() {
        return Ok(rows.into_iter().map(|row| row.value.to_vec()).collect());
    }
    let ids = series_ids(index, &others)?;
    let mut values = Vec::new();
    for row in rows {
        if index.list(row.list)?.intersects(&ids) {
            values.push(row.value.to_vec());
        }
    }
    Ok(values)
}

/// The rows of label `name` that the matchers on it accept, and the other matchers: a value is there if its list has a series
/// in common with what these pick.
pub fn values_of<'a>(table: Table<'a>, name: &[u8], matchers: &[Matcher]) -> (Vec<PostingsRow<'a>>, Vec<Matcher>) {
    let matchers = matchers.iter().filter(|matcher| !matcher.matches_all());
    let (own, others): (Vec<&Matcher>, Vec<&Matcher>) = matchers.partition(|matcher| matcher.name() == name);
    let rows = match own.is_empty() || name.is_empty() {
        true => table.rows(name, b"").filter(has_value).collect(),
        false => table.accepted(name, &own),
    };
    (rows, others.into_iter().cloned().collect())
}
