//! A bucket in a directory, filled by an ingester of ours, and what Thanos makes of the blocks in it.

use crate::components::Components;
use crate::process::Process;
use crate::systems::free_address;
use anyhow::ensure;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Blocks in a directory.
#[derive(Debug)]
pub(crate) struct Bucket {
    dir: PathBuf,
}

impl Bucket {
    /// What an ingester whose blocks are `block` long ships when it stops, after `load` was told where it takes writes.
    pub(crate) fn filled(
        ours: &Components,
        dir: &Path,
        block: &str,
        load: impl FnOnce(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let bucket = Self { dir: dir.join("bucket") };
        let args = [
            format!("--tsdb.path={}", dir.join("ingester").display()),
            format!("--tsdb.min-block-duration={block}"),
            format!("--tsdb.max-block-duration={block}"),
            "--tsdb.retention=0d".to_owned(),
            bucket.flag(),
        ];
        let ingester = ours.receive("ingester", dir, &args)?;
        load(&ingester.write_url)?;
        ingester.component.process.stop()?;
        Ok(bucket)
    }

    /// Tells a component where the bucket is.
    pub(crate) fn flag(&self) -> String {
        format!("--objstore.config=type: FILESYSTEM\nconfig:\n  directory: {:?}\n", self.dir.display().to_string())
    }

    /// Lets Thanos' tool downsample what is there, and waits until there are blocks of `resolution_ms`.
    pub(crate) fn downsample(&self, thanos: &Components, dir: &Path, resolution_ms: i64) -> anyhow::Result<()> {
        let args = [
            "tools".to_owned(),
            "bucket".to_owned(),
            "downsample".to_owned(),
            format!("--http-address={}", free_address()?),
            format!("--data-dir={}", dir.join("downsampled").display()),
            self.flag(),
        ];
        let mut tool = Process::start(&thanos.program, &args, &dir.join("downsample.log"))?;
        // One that runs once ends by itself.
        let waited = tool.wait_until(|| self.has_resolution(resolution_ms));
        ensure!(self.has_resolution(resolution_ms), "nothing was downsampled: {waited:?}");
        Ok(())
    }

    /// Whether a block of this resolution was uploaded to its end, which is its `meta.json`.
    fn has_resolution(&self, resolution_ms: i64) -> bool {
        let metas = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        metas.filter_map(|block| std::fs::read(block.path().join("meta.json")).ok()).any(|meta| {
            let meta: Value = serde_json::from_slice(&meta).unwrap_or_default();
            meta.pointer("/thanos/downsample/resolution").and_then(Value::as_i64) == Some(resolution_ms)
        })
    }
}
