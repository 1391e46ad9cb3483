//! For tests: object storage that fails, before or after it did what was asked, or keeps less than it was given.

use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// What goes wrong with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It fails and does nothing.
    Fails,
    /// It fails, but was done.
    IsDoneAndFails,
    /// It succeeds; of what was put, half is there.
    KeepsHalf,
}

/// Object storage in memory, of which chosen operations go wrong. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faulty {
    pub(crate) inner: Arc<InMemory>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    done: u64,
    /// The operations from this one on, for so many.
    wrong: Option<(Range<u64>, Wrong)>,
    /// What was put, in order.
    puts: Vec<String>,
}

impl Faulty {
    /// From now on the operations of these numbers (from 0) go wrong.
    pub(crate) fn go_wrong(&self, operations: Range<u64>, wrong: Wrong) {
        *self.plan.lock() = Plan { done: 0, wrong: Some((operations, wrong)), puts: Vec::new() };
    }

    /// From now on all goes well.
    pub(crate) fn heal(&self) {
        *self.plan.lock() = Plan::default();
    }

    /// How many operations there were since.
    pub(crate) fn operations(&self) -> u64 {
        self.plan.lock().done
    }

    /// The objects put since, in order.
    pub(crate) fn puts(&self) -> Vec<String> {
        self.plan.lock().puts.clone()
    }

    fn next(&self) -> Option<Wrong> {
        let mut plan = self.plan.lock();
        let at = plan.done;
        plan.done += 1;
        plan.wrong.as_ref().filter(|(range, _)| range.contains(&at)).map(|(_, wrong)| *wrong)
    }

    fn check(&self) -> Result<()> {
        match self.next() {
            Some(Wrong::Fails | Wrong::IsDoneAndFails) => Err(broken()),
            Some(Wrong::KeepsHalf) | None => Ok(()),
        }
    }
}

fn broken() -> Error {
    Error::Generic { store: "faulty", source: "it goes wrong".into() }
}

impl fmt::Display for Faulty {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("faulty")
    }
}

impl ObjectStore for Faulty {
    fn put_opts<'s, 'p, 'a>(
        &'s self,
        location: &'p Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Answer<'a, PutResult>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        Box::pin(async move {
            let wrong = self.next();
            if wrong == Some(Wrong::Fails) {
                return Err(broken());
            }
            let payload = match wrong {
                Some(Wrong::KeepsHalf) => {
                    let all: Vec<u8> = payload.iter().flatten().copied().collect();
                    PutPayload::from(all[..all.len() / 2].to_vec())
                }
                _ => payload,
            };
            self.plan.lock().puts.push(location.to_string());
            let put = self.inner.put_opts(location, payload, options).await?;
            if wrong == Some(Wrong::IsDoneAndFails) {
                return Err(broken());
            }
            Ok(put)
        })
    }

    fn put_multipart_opts<'s, 'p, 'a>(
        &'s self,
        location: &'p Path,
        options: PutMultipartOptions,
    ) -> Answer<'a, Box<dyn MultipartUpload>>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        self.inner.put_multipart_opts(location, options)
    }

    fn get_opts<'s, 'p, 'a>(&'s self, location: &'p Path, options: GetOptions) -> Answer<'a, GetResult>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        Box::pin(async move {
            self.check()?;
            self.inner.get_opts(location, options).await
        })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.check() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => Box::pin(futures::stream::once(async { Err(error) })),
        }
    }

    fn list_with_delimiter<'s, 'p, 'a>(&'s self, prefix: Option<&'p Path>) -> Answer<'a, ListResult>
    where
        's: 'a,
        'p: 'a,
        Self: 'a,
    {
        Box::pin(async move {
            self.check()?;
            self.inner.list_with_delimiter(prefix).await
        })
    }

    fn copy_opts<'s, 'f, 't, 'a>(&'s self, from: &'f Path, to: &'t Path, options: CopyOptions) -> Answer<'a, ()>
    where
        's: 'a,
        'f: 'a,
        't: 'a,
        Self: 'a,
    {
        self.inner.copy_opts(from, to, options)
    }
}
