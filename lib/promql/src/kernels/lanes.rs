//! Windows side by side, where a sample has to wait for what was made of the one before it.

use super::windows::{Window, Windows};
use crate::column::{ColumnBuilder, FloatColumn};
use smallvec::SmallVec;
use std::array::from_fn;

/// So many windows go side by side: more than hide how long a step of a recurrence takes, and so many that the compiler makes
/// vectors of a loop over them instead of unrolling it.
const LANES: usize = 32;

/// Fewer windows are faster one by one.
const LEAST_LANES: usize = 8;

/// A window that waits until there are others to go with.
#[derive(Debug, Clone, Copy)]
struct Lane<'a, const PARTS: usize> {
    window: Window<'a>,
    state: [f64; PARTS],
    rest: &'a [f64],
}

impl<'a> Windows<'a> {
    /// The column of what `done` makes of a state into which `add` has put each value of a window, in order. `start` gives
    /// the state of a window and the values that are not in it yet; `None`: the window has no result.
    ///
    /// A state is a few numbers, so that the same one of windows side by side makes a vector.
    pub(super) fn fold<const PARTS: usize>(
        self,
        mut start: impl FnMut(Window<'a>) -> Option<([f64; PARTS], &'a [f64])>,
        add: impl Fn([f64; PARTS], f64) -> [f64; PARTS],
        done: impl Fn([f64; PARTS], Window<'a>) -> f64,
    ) -> FloatColumn {
        let mut out = ColumnBuilder::new(self.grid.steps());
        let mut slots = out.slots();
        let mut finish = |waiting: &mut SmallVec<[Lane<'a, PARTS>; LANES]>| {
            if waiting.len() >= LEAST_LANES {
                side_by_side(waiting, &add);
            }
            for Lane { window, state, rest } in waiting.drain(..) {
                let state = rest.iter().fold(state, |state, value| add(state, *value));
                slots.set(window.step, done(state, window));
            }
        };
        let mut waiting = SmallVec::new();
        self.each(|window| {
            let Some((state, rest)) = start(window) else { return };
            waiting.push(Lane { window, state, rest });
            if waiting.len() == LANES {
                finish(&mut waiting);
            }
        });
        finish(&mut waiting);
        out.build()
    }
}

/// Takes in as many values as all of them have. Where there are fewer than lanes, the last one goes in several.
fn side_by_side<const PARTS: usize>(windows: &mut [Lane<'_, PARTS>], add: impl Fn([f64; PARTS], f64) -> [f64; PARTS]) {
    let common = windows.iter().map(|window| window.rest.len()).min().unwrap_or(0);
    let last = windows.len() - 1;
    let heads: [&[f64]; LANES] = from_fn(|lane| &windows[lane.min(last)].rest[..common]);
    let mut parts: [[f64; LANES]; PARTS] = from_fn(|part| from_fn(|lane| windows[lane.min(last)].state[part]));
    for at in 0..common {
        let values = heads.map(|values| values[at]);
        for lane in 0..LANES {
            let next = add(from_fn(|part| parts[part][lane]), values[lane]);
            for part in 0..PARTS {
                parts[part][lane] = next[part];
            }
        }
    }
    for (lane, window) in windows.iter_mut().enumerate() {
        window.state = from_fn(|part| parts[part][lane]);
        window.rest = &window.rest[common..];
    }
}
