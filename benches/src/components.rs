//! Components of ours and of Thanos, each a process of its own: both take the same flags.

use crate::answers;
use crate::process::Process;
use crate::systems::{beside_this_program, free_address};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// A program that is any of the components.
#[derive(Debug)]
pub(crate) struct Components {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
}

/// A component that is ready.
#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) process: Process,
    /// Where it speaks gRPC.
    pub(crate) grpc: String,
    /// Where it answers over HTTP, without a slash at its end.
    pub(crate) url: String,
}

/// One that takes remote write.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) component: Component,
    pub(crate) write_url: String,
}

impl Components {
    /// Ours.
    pub(crate) fn ours(gauntlet: Option<&Path>) -> Self {
        Self { name: "gauntlet", program: gauntlet.map_or_else(beside_this_program, Path::to_owned) }
    }

    /// Ours, and Thanos' if `$THANOS` names its program.
    pub(crate) fn find_all(gauntlet: Option<&Path>) -> Vec<Self> {
        let thanos = std::env::var_os("THANOS");
        if thanos.is_none() {
            println!("SKIPPED: $THANOS names no program");
        }
        let thanos = thanos.map(|program| Self { name: "thanos", program: program.into() });
        std::iter::once(Self::ours(gauntlet)).chain(thanos).collect()
    }

    /// Starts a component, its log in `dir` under `name`, and waits until it is ready.
    pub(crate) fn start(&self, component: &str, name: &str, dir: &Path, own: &[String]) -> anyhow::Result<Component> {
        let (http, grpc) = (free_address()?, free_address()?);
        let mut args = vec![component.to_owned(), format!("--http-address={http}"), format!("--grpc-address={grpc}")];
        args.extend_from_slice(own);
        let mut process = Process::start(&self.program, &args, &dir.join(format!("{name}.log")))?;
        let url = format!("http://{http}");
        process.wait_until(|| answers::is_ok(&format!("{url}/-/ready"))).with_context(|| name.to_owned())?;
        Ok(Component { process, grpc, url })
    }

    /// Starts one that takes remote write; what it holds is labelled with its `name`.
    pub(crate) fn receive(&self, name: &str, dir: &Path, own: &[String]) -> anyhow::Result<Receiver> {
        let (write, unused) = (free_address()?, free_address()?);
        let mut args = vec![
            format!("--remote-write.address={write}"),
            format!("--receive.capnproto-address={unused}"),
            format!("--label=replica=\"{name}\""),
        ];
        args.extend_from_slice(own);
        let component = self.start("receive", name, dir, &args)?;
        Ok(Receiver { component, write_url: format!("http://{write}/api/v1/receive") })
    }

    /// Starts one that asks `stores`, and makes one series of those that differ in `replica`.
    pub(crate) fn query<'a>(
        &self,
        dir: &Path,
        stores: impl IntoIterator<Item = &'a str>,
        own: &[String],
    ) -> anyhow::Result<Component> {
        let mut args = vec!["--query.replica-label=replica".to_owned()];
        args.extend(stores.into_iter().map(|store| format!("--endpoint-strict={store}")));
        args.extend_from_slice(own);
        self.start("query", "query", dir, &args)
    }
}

impl Component {
    /// Where instant queries are asked.
    pub(crate) fn query_url(&self) -> String {
        format!("{}/api/v1/query", self.url)
    }
}
