//! That no two series are labelled alike where they must not be.

#[cfg(test)]
mod tests;

use crate::QueryError;
use crate::budget::Reservation;
use crate::chain::{CheckKind, Form, Noticed};
use crate::column::Presence;
use crate::series::same_labels;
use hashbrown::HashMap;

/// The label sets that were noticed at one point of the query.
///
/// Where series come in label order and with one name, those that could be alike once it is gone come first (see
/// [`Form`]). If there were none by the time others come, nothing needs to be remembered, and so it is with nearly every
/// query: what an aggregation needs then does not grow with the number of series.
#[derive(Debug)]
pub(super) struct Check {
    fixed_name: bool,
    seen_special: bool,
    seen: HashMap<u128, Option<Presence>>,
}

impl Check {
    pub(super) fn new(kind: CheckKind) -> Self {
        Self { fixed_name: kind.fixed_name, seen_special: false, seen: HashMap::new() }
    }

    /// # Errors
    /// The same label set was noticed before; if steps matter, at one of these steps.
    pub(super) fn notice(&mut self, noticed: &Noticed, held: &mut Reservation) -> Result<(), QueryError> {
        self.seen_special |= noticed.form == Form::Special;
        if self.fixed_name && noticed.form == Form::Plain && !self.seen_special {
            return Ok(());
        }
        let Some(known) = self.seen.get_mut(&noticed.hash) else {
            held.grow(
                size_of::<(u128, Option<Presence>)>() + noticed.present.as_ref().map_or(0, Presence::heap_bytes),
            )?;
            self.seen.insert(noticed.hash, noticed.present.clone());
            return Ok(());
        };
        match (known, &noticed.present) {
            (Some(known), Some(present)) if known.first_common(present).is_none() => {
                known.unite(present);
                Ok(())
            }
            _ => Err(same_labels()),
        }
    }
}
