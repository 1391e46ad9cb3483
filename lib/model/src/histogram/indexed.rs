//! The buckets of one side of a histogram, each with its index.

use super::Span;

/// The buckets that spans tell of, in order, from either end: the index of each and its cell. Indices wrap around, as they do
/// in Prometheus, so that no spans can make it panic.
#[derive(Debug, Clone)]
pub(super) struct Indexed<'a, T> {
    cells: &'a [T],
    /// Spans not begun yet from the front; the index there, and how many buckets are left of the span before.
    ahead: &'a [Span],
    next: i32,
    left: u32,
    /// The same from the back: spans not begun, one more than the index there, buckets left, and the offset of their span.
    behind: &'a [Span],
    end: i32,
    left_behind: u32,
    offset_behind: i32,
}

impl<'a, T> Indexed<'a, T> {
    /// The buckets of `spans` with their `cells`. Where one side has more of them, these are left out.
    pub(super) fn new(spans: &'a [Span], cells: &'a [T]) -> Self {
        let end =
            spans.iter().fold(0_i32, |end, span| end.wrapping_add(span.offset).wrapping_add_unsigned(span.length));
        Self { cells, ahead: spans, next: 0, left: 0, behind: spans, end, left_behind: 0, offset_behind: 0 }
    }
}

impl<T: Copy> Iterator for Indexed<'_, T> {
    type Item = (i32, T);

    #[inline]
    fn next(&mut self) -> Option<(i32, T)> {
        let (&cell, cells) = self.cells.split_first()?;
        while self.left == 0 {
            let (span, ahead) = self.ahead.split_first()?;
            (self.next, self.left, self.ahead) = (self.next.wrapping_add(span.offset), span.length, ahead);
        }
        let index = self.next;
        (self.cells, self.left, self.next) = (cells, self.left - 1, index.wrapping_add(1));
        Some((index, cell))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.cells.len()))
    }
}

impl<T: Copy> DoubleEndedIterator for Indexed<'_, T> {
    fn next_back(&mut self) -> Option<(i32, T)> {
        let (&cell, cells) = self.cells.split_last()?;
        while self.left_behind == 0 {
            let (span, behind) = self.behind.split_last()?;
            self.end = self.end.wrapping_sub(self.offset_behind);
            (self.offset_behind, self.left_behind, self.behind) = (span.offset, span.length, behind);
        }
        self.end = self.end.wrapping_sub(1);
        (self.cells, self.left_behind) = (cells, self.left_behind - 1);
        Some((self.end, cell))
    }
}

/// Buckets put together in order, and the spans they make.
#[derive(Debug, Clone, Default)]
pub(super) struct Side<T> {
    pub(super) spans: Vec<Span>,
    pub(super) cells: Vec<T>,
    /// One more than the index of the last bucket.
    end: i64,
}

impl<T: Copy + Default> Side<T> {
    /// The buckets of `spans`, as they are.
    pub(super) fn new(spans: &[Span], cells: Vec<T>) -> Self {
        let end = spans.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
        Self { spans: spans.to_vec(), cells, end }
    }

    pub(super) fn indexed(&self) -> Indexed<'_, T> {
        Indexed::new(&self.spans, &self.cells)
    }

    /// Whether bucket `index` would follow the last one.
    pub(super) fn ends_before(&self, index: i32) -> bool {
        !self.spans.is_empty() && self.end == i64::from(index)
    }

    /// Appends bucket `index`: to the last span if it `joins` it, and then it must follow it, else in a span of its own.
    pub(super) fn push(&mut self, index: i32, cell: T, joins: bool) {
        match self.spans.last_mut() {
            Some(last) if joins => last.length += 1,
            _ => {
                let offset = i64::from(index) - self.end;
                // Only spans that nobody can mean are so far apart.
                let offset = i32::try_from(offset).unwrap_or(if offset < 0 { i32::MIN } else { i32::MAX });
                self.spans.push(Span { offset, length: 1 });
            }
        }
        self.cells.push(cell);
        self.end = i64::from(index) + 1;
    }

    /// Those of `buckets` that are not empty, in one span where at most `max_empty` lie between them, and then with empty ones
    /// for these. No such run makes it more than `max_cells`.
    pub(super) fn compact(
        buckets: Indexed<'_, T>,
        (max_empty, max_cells): (usize, usize),
        is_empty: impl Fn(T) -> bool,
    ) -> Self {
        let mut side = Self::default();
        for (index, cell) in buckets {
            if is_empty(cell) {
                continue;
            }
            let gap = usize::try_from(i64::from(index) - side.end).ok();
            let room = max_cells.saturating_sub(side.cells.len());
            match (gap.filter(|gap| *gap <= max_empty && *gap <= room), side.spans.last_mut()) {
                (Some(gap), Some(last)) => {
                    last.length += gap as u32;
                    side.cells.resize(side.cells.len() + gap, T::default());
                    side.push(index, cell, true);
                }
                _ => side.push(index, cell, false),
            }
        }
        side
    }
}

/// Whether [`Side::compact`] would leave all as it is.
pub(super) fn is_compact<T: Copy>(spans: &[Span], cells: &[T], max_empty: usize, is_empty: impl Fn(T) -> bool) -> bool {
    let is_far = |span: &Span| usize::try_from(span.offset).is_ok_and(|offset| offset > max_empty);
    spans.iter().skip(1).all(is_far)
        && spans.iter().all(|span| span.length > 0)
        && !cells.iter().any(|cell| is_empty(*cell))
}

#[cfg(test)]
mod tests;
