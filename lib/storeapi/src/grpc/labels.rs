//! Answers about labels, both ways.

use crate::store::{LabelsAnswer, StoreError, size_of_warning};
use proto::labels::{LabelsPart, LabelsParts};

/// What `store` said, which may take so many bytes here.
pub(super) fn read(store: &str, message: &[u8], held_bytes: usize) -> Result<LabelsAnswer, StoreError> {
    let (mut answer, mut held) = (LabelsAnswer::default(), 0);
    for part in LabelsParts::new(message) {
        let malformed = |error| StoreError::Internal {
            store: store.to_owned(),
            reason: format!("its answer about labels cannot be read: {error}"),
        };
        match part.map_err(malformed)? {
            LabelsPart::String(text) => {
                held += size_of::<Vec<u8>>() + text.len();
                answer.strings.push(text.into());
            }
            LabelsPart::Warning(text) => {
                held += size_of_warning(text);
                answer.warnings.push(text.to_owned());
            }
        }
        if held > held_bytes {
            let text = format!("{store}: its answer about labels takes more than {held_bytes} bytes");
            return Err(StoreError::LimitExceeded(text));
        }
    }
    // Proxies of Thanos repeat some.
    answer.strings.sort_unstable();
    answer.strings.dedup();
    Ok(answer)
}

/// Messages carry text only; what is none is shown as far as it is.
pub(super) fn texts(strings: &[Vec<u8>]) -> Vec<String> {
    strings.iter().map(|string| String::from_utf8_lossy(string).into_owned()).collect()
}
