//! Expressions compiled not long ago: whoever looks at a dashboard asks with the same ones again and again, and to compile one
//! takes as long as to answer a small question.

use parking_lot::Mutex;

/// So many are kept, and none that is written in more bytes, or takes more memory.
const MOST: usize = 64;
const MOST_WRITTEN_BYTES: usize = 1 << 10;
pub(crate) const MOST_COMPILED_BYTES: usize = 64 << 10;

/// What the expressions wanted last are compiled to, the one that was wanted last at the end.
#[derive(Debug)]
pub(crate) struct Kept<T>(Mutex<Vec<(Box<[u8]>, T)>>);

impl<T: Clone> Kept<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// What `pattern` is compiled to: as it was kept, or by `compile`, and then it is kept if it takes little memory, as
    /// `size_bytes` tells.
    pub(crate) fn get<E>(
        &self,
        pattern: &[u8],
        compile: impl FnOnce() -> Result<T, E>,
        size_bytes: impl FnOnce(&T) -> usize,
    ) -> Result<T, E> {
        if let Some(found) = self.find(pattern) {
            return Ok(found);
        }
        // Others wait for nobody who compiles.
        let compiled = compile()?;
        if pattern.len() <= MOST_WRITTEN_BYTES && size_bytes(&compiled) <= MOST_COMPILED_BYTES {
            let mut kept = self.0.lock();
            if kept.len() >= MOST {
                kept.remove(0);
            }
            kept.push((pattern.into(), compiled.clone()));
        }
        Ok(compiled)
    }

    fn find(&self, pattern: &[u8]) -> Option<T> {
        let mut kept = self.0.lock();
        let at = kept.iter().rposition(|(known, _)| **known == *pattern)?;
        let last = kept.len() - 1;
        kept[at..=last].rotate_left(1);
        Some(kept[last].1.clone())
    }
}

#[cfg(test)]
mod tests;
