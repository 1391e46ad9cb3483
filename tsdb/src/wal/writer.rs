//! The log's writer as a state machine: records in, steps on files out; it does no I/O.
//!
//! A group of records becomes bytes and a list of [`Effect`]s ([`Group`]). The shell takes them in order and tells the
//! writer of each that succeeded, or of the first that failed. Then the segment is given up: what of it is confirmed
//! stays, what came after is cut off, and the next group goes to a new segment. So half a record is never followed by a
//! whole one.

use super::codec::Coding;
use super::page;
use std::ops::Range;

/// What a finished group must have reached before it may be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The disk: one `fdatasync` a group.
    #[default]
    Synced,
    /// The operating system: survives the end of the process, not that of the machine. What Prometheus does.
    Written,
    /// The log's memory: acknowledged at once, written in the background.
    Buffered,
}

/// A step on the files of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Create this segment; it becomes the open one.
    Create(u32),
    /// Make the name of the created segment durable.
    SyncNames,
    /// Append these bytes of the group to the open segment.
    Append(Range<usize>),
    /// Make the open segment's content durable.
    SyncData,
    /// The open segment is complete.
    Close,
}

/// What to do with a segment that was given up. Best effort: readers cope with what is left if it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repair {
    /// Nothing in it counts.
    Remove(u32),
    /// What was confirmed ends here.
    Cut { segment: u32, size_bytes: u64 },
}

/// Bytes and steps of one group; reused.
#[derive(Debug, Default)]
pub(super) struct Group {
    bytes: Vec<u8>,
    effects: Vec<Effect>,
    /// Where the bytes that no effect covers yet begin.
    appended: usize,
    /// Where the open segment will end, and whether there will be one.
    plan: Option<u64>,
    /// The number the next created segment will have.
    next: u32,
}

/// Which segment is written, and what of it is confirmed.
#[derive(Debug)]
pub(super) struct Writer {
    segment_bytes: u64,
    durability: Durability,
    open: Option<OpenSegment>,
    /// The number of the next segment to be created.
    next: u32,
}

#[derive(Debug, Clone, Copy)]
struct OpenSegment {
    number: u32,
    appended_bytes: u64,
    confirmed_bytes: u64,
}

impl Writer {
    /// A writer whose first segment will be `next`.
    pub(super) fn new(next: u32, segment_bytes: u64, durability: Durability) -> Self {
        Self { segment_bytes, durability, open: None, next }
    }

    /// The number of the segment that the next record goes to, unless it is full.
    pub(super) fn segment(&self) -> u32 {
        self.open.map_or(self.next, |open| open.number)
    }

    /// Starts a group in `group`.
    pub(super) fn begin(&self, group: &mut Group) {
        group.bytes.clear();
        group.effects.clear();
        group.appended = 0;
        group.plan = self.open.map(|open| open.appended_bytes);
        group.next = self.next;
    }

    /// Adds a record in its stored form. A record is never split between segments; one larger than a segment gets a
    /// segment of its own that is larger.
    pub(super) fn add(&self, stored: &[u8], coding: Coding, group: &mut Group) {
        let at = match group.plan {
            Some(at) if at == 0 || at + page::framed_bytes(at, stored.len()) <= self.segment_bytes => at,
            _ => self.rotate(group),
        };
        let before = group.bytes.len();
        page::frame(at, stored, coding, &mut group.bytes);
        group.plan = Some(at + (group.bytes.len() - before) as u64);
    }

    /// Ends the group; with `close` the open segment is complete after it.
    pub(super) fn finish(&self, close: bool, group: &mut Group) {
        self.append(group);
        if close && group.plan.is_some() {
            self.close(group);
        }
    }

    /// `effect` was done.
    pub(super) fn done(&mut self, effect: &Effect) {
        match (effect, &mut self.open) {
            (Effect::Create(number), open) => {
                *open = Some(OpenSegment { number: *number, appended_bytes: 0, confirmed_bytes: 0 });
                self.next = number.saturating_add(1);
            }
            (Effect::Append(range), Some(open)) => {
                open.appended_bytes += range.len() as u64;
                if self.durability != Durability::Synced {
                    open.confirmed_bytes = open.appended_bytes;
                }
            }
            (Effect::SyncData, Some(open)) => open.confirmed_bytes = open.appended_bytes,
            (Effect::Close, open) => *open = None,
            (Effect::SyncNames | Effect::Append(_) | Effect::SyncData, _) => {}
        }
    }

    /// A step of the group failed, and the rest of its steps will not be taken. The open segment, if there is one, is
    /// given up.
    pub(super) fn failed(&mut self) -> Option<Repair> {
        let open = self.open.take()?;
        Some(match open.confirmed_bytes {
            0 => Repair::Remove(open.number),
            size_bytes => Repair::Cut { segment: open.number, size_bytes },
        })
    }

    /// A segment of which nothing counts was removed: its number is free again, so that there is no gap, which
    /// Prometheus would refuse.
    pub(super) fn removed(&mut self, number: u32) {
        if number.checked_add(1) == Some(self.next) {
            self.next = number;
        }
    }

    /// There is a file already where the next segment was to be created.
    pub(super) fn name_is_taken(&mut self) {
        self.next = self.next.saturating_add(1);
    }

    /// Completes the planned segment and plans the next; returns where that starts.
    fn rotate(&self, group: &mut Group) -> u64 {
        self.append(group);
        if group.plan.is_some() {
            self.close(group);
        }
        group.effects.extend([Effect::Create(group.next), Effect::SyncNames]);
        group.next = group.next.saturating_add(1);
        group.plan = Some(0);
        0
    }

    /// Covers the bytes added so far.
    fn append(&self, group: &mut Group) {
        let end = group.bytes.len();
        if group.appended == end {
            return;
        }
        group.effects.push(Effect::Append(group.appended..end));
        if self.durability == Durability::Synced {
            group.effects.push(Effect::SyncData);
        }
        group.appended = end;
    }

    /// A complete segment is durable whatever the level, as with Prometheus.
    fn close(&self, group: &mut Group) {
        if self.durability != Durability::Synced {
            group.effects.push(Effect::SyncData);
        }
        group.effects.push(Effect::Close);
        group.plan = None;
    }
}

impl Group {
    /// The steps, in order.
    pub(super) fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The bytes an append names.
    pub(super) fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// All bytes.
    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Gives back memory beyond `keep_bytes`.
    pub(super) fn shrink_to(&mut self, keep_bytes: usize) {
        self.bytes.truncate(keep_bytes);
        self.bytes.shrink_to(keep_bytes);
    }
}

#[cfg(test)]
mod tests;
