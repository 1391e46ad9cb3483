//! The postings of an index against its series, in both directions.

use super::Findings;
use super::index::Index;
use super::set_hash::SetHash;
use crate::index::postings::{PostingsRow, PostingsTable};
use std::cmp::Ordering;
use std::collections::HashMap;

/// The series of each label pair, by the numbers of the symbols.
pub(super) type Pairs = HashMap<(u32, u32), SetHash>;

/// A table with the content of its section.
pub(super) type Table<'a> = (&'a PostingsTable, &'a [u8]);

/// Checks that every list is that of the series with its label, and that every label of a series has a list.
pub(super) fn check_lists(index: &Index<'_>, table: Table<'_>, pairs: Pairs, all: SetHash, findings: &mut Findings) {
    let mut sorted: Vec<_> = pairs.into_iter().collect();
    sorted.sort_unstable_by_key(|(pair, _)| *pair);
    let mut ahead = sorted.into_iter().peekable();
    let mut lists = Lists::default();
    for row in rows(table) {
        let Some(listed) = read(index, &row, &mut lists, findings) else {
            // Its series are not to be called unlisted as well.
            ahead.next_if(|(pair, _)| order(index, *pair, &row) == Some(Ordering::Equal));
            continue;
        };
        if row.name.is_empty() {
            differ(index, &row, "all series".to_owned(), listed, all, findings);
            continue;
        }
        while let Some((pair, set)) = ahead.next_if(|(pair, _)| order(index, *pair, &row) == Some(Ordering::Less)) {
            unlisted(index, pair, set, findings);
        }
        let label = format!("series with {}=\"{}\"", row.name.escape_ascii(), row.value.escape_ascii());
        let found = ahead.next_if(|(pair, _)| order(index, *pair, &row) == Some(Ordering::Equal));
        differ(index, &row, label, listed, found.map(|(_, set)| set).unwrap_or_default(), findings);
    }
    for (pair, set) in ahead {
        unlisted(index, pair, set, findings);
    }
}

/// Checks the lists alone.
pub(super) fn check_sections(index: &Index<'_>, table: Table<'_>, findings: &mut Findings) {
    let mut lists = Lists::default();
    for row in rows(table) {
        read(index, &row, &mut lists, findings);
    }
}

fn rows<'a>((table, content): Table<'a>) -> impl Iterator<Item = PostingsRow<'a>> {
    table.names().flat_map(move |name| table.rows(content, name, b""))
}

/// The sets of the lists that were read, by their offset; `None` of one that is damaged. Nothing keeps rows from naming one list
/// all, and then it is read once and its fault told once.
type Lists = HashMap<u64, Option<SetHash>>;

/// The set of a list; `None` if it is damaged.
fn read(index: &Index<'_>, row: &PostingsRow<'_>, lists: &mut Lists, findings: &mut Findings) -> Option<SetHash> {
    *lists.entry(row.list).or_insert_with(|| match index.list(row.list) {
        Ok(list) => Some(list.iter().map(u64::from).collect()),
        Err(corruption) => {
            findings.corrupt(index.path, row.list, corruption);
            None
        }
    })
}

/// How a pair sorts against a row; `None` if its symbols are not known.
fn order(index: &Index<'_>, (name, value): (u32, u32), row: &PostingsRow<'_>) -> Option<Ordering> {
    Some((index.symbol(name)?, index.symbol(value)?).cmp(&(row.name, row.value)))
}

fn unlisted(index: &Index<'_>, pair: (u32, u32), set: SetHash, findings: &mut Findings) {
    let fault = format!("{} series have {}, and there is no list of them", set.count, index.label(pair));
    findings.fault(index.path, index.toc.postings_table, fault);
}

fn differ(
    index: &Index<'_>,
    row: &PostingsRow<'_>,
    of: String,
    listed: SetHash,
    there: SetHash,
    findings: &mut Findings,
) {
    if listed == there {
        return;
    }
    let fault = match listed.count == there.count {
        true => format!("list of {of} has {} series, as many as there are, but not the same", listed.count),
        false => format!("list of {of} has {}, there are {}", listed.count, there.count),
    };
    findings.fault(index.path, row.list, fault);
}
