//! `match[]`: which series are meant.

use super::labels::everything;
use super::params::Params;
use crate::config::Flavour;
use model::Matcher;
use promql::ParseOptions;
use std::sync::Arc;

/// The selectors of a request; a series is meant if any of them accepts it.
#[derive(Debug)]
pub(super) struct Selectors(Vec<Arc<[Matcher]>>);

/// Why a selector cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidSelector {
    #[error(transparent)]
    Parse(#[from] promql::ParseError),
    #[error("match[] must contain at least one non-empty matcher")]
    MatchesEmpty,
}

impl Selectors {
    /// Reads all `match[]`. Thanos takes those, too, that every series fits.
    pub(super) fn parse(params: &Params, flavour: Flavour) -> Result<Self, InvalidSelector> {
        let parse = |text| promql::parse_selector(text, &ParseOptions::default()).map(Arc::from);
        let selectors: Vec<Arc<[Matcher]>> = params.all("match[]").map(parse).collect::<Result<_, _>>()?;
        // Whether they can be read at all comes first.
        let fits_all = |matchers: &Arc<[Matcher]>| matchers.iter().all(Matcher::matches_empty);
        match flavour == Flavour::Prometheus && selectors.iter().any(fits_all) {
            true => Err(InvalidSelector::MatchesEmpty),
            false => Ok(Self(selectors)),
        }
    }

    /// Reads all `match[]`, those that every series fits among them.
    pub(super) fn parse_any(params: &Params) -> Result<Self, InvalidSelector> {
        Self::parse(params, Flavour::Thanos)
    }

    /// The selectors, or one that accepts everything if there is none.
    pub(super) fn or_all(self) -> Vec<Arc<[Matcher]>> {
        match self.0.is_empty() {
            true => vec![everything()],
            false => self.0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
