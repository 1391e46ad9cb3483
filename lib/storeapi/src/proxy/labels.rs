//! What several stores say of labels, made one answer.

use crate::store::{LabelsAnswer, PartialResponse, StoreError, join_strings};

/// Strings of several answers, each once, and what is missing.
#[derive(Debug)]
pub(super) struct Union {
    strings: Vec<Vec<u8>>,
    warnings: Vec<String>,
}

impl Union {
    pub(super) fn new(warning: Option<String>) -> Self {
        Self { strings: Vec::new(), warnings: warning.into_iter().collect() }
    }

    /// Adds what a store said; its failure is a warning or the end.
    pub(super) fn add(
        &mut self,
        answer: Result<LabelsAnswer, StoreError>,
        partial: PartialResponse,
    ) -> Result<(), StoreError> {
        match (answer, partial) {
            (Ok(answer), _) => {
                join_strings(&mut self.strings, answer.strings);
                self.warnings.extend(answer.warnings);
                Ok(())
            }
            (Err(error), PartialResponse::Warn) => {
                self.warnings.push(super::told::text(&error));
                Ok(())
            }
            (Err(error), PartialResponse::Abort) => Err(error),
        }
    }

    /// The strings, sorted, up to `limit`.
    pub(super) fn finish(self, limit: Option<usize>) -> LabelsAnswer {
        let Self { mut strings, warnings } = self;
        strings.truncate(limit.unwrap_or(usize::MAX));
        LabelsAnswer { strings, warnings }
    }
}
