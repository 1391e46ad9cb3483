//! Where blocks go, and by which labels they are told apart.

use clap::Args;
use flags::{InvalidContent, LabelFlag};
use model::{InvalidLabels, Labels};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The bucket.
#[derive(Debug, Clone, Args)]
pub(crate) struct ObjstoreFlags {
    /// A YAML file that says where blocks are stored
    #[arg(
        id = "objstore.config-file",
        long = "objstore.config-file",
        value_name = "FILE",
        help_heading = "Object storage"
    )]
    pub(crate) file: Option<PathBuf>,

    /// The same, as text
    #[arg(id = "objstore.config", long = "objstore.config", value_name = "YAML", help_heading = "Object storage")]
    pub(crate) text: Option<String>,
}

/// Why there is no bucket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidObjstore {
    #[error("--{0}")]
    Content(#[from] InvalidContent),
    #[error("--objstore.config: {0}")]
    Config(#[from] bucket::InvalidConfig),
}

impl ObjstoreFlags {
    /// The configuration that was given, if one was.
    ///
    /// # Errors
    /// A file that cannot be read, or a document that is none.
    pub(crate) fn read(&self) -> Result<Option<bucket::Config>, InvalidObjstore> {
        let text = flags::content("objstore.config", self.file.as_deref(), self.text.as_deref())?;
        Ok(text.map(|text| bucket::Config::parse(&text)).transpose()?)
    }
}

/// External labels; of two with one name the last counts, as in Thanos.
///
/// # Errors
/// Labels that cannot be: an empty name.
pub(crate) fn external_labels(labels: &[LabelFlag]) -> Result<Labels, InvalidLabels> {
    let labels: BTreeMap<_, _> = labels.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect();
    Labels::from_pairs(labels)
}
