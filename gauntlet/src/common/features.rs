//! `--enable-feature`: what of the language is off by default.

use query::Features;
use tracing::info;

/// Switches of queries by their names; others are said to have no effect, as in Prometheus and Thanos.
pub(crate) fn query_features(names: &[String]) -> Features {
    let mut features = Features::default();
    for feature in names {
        if !features.enable(feature) {
            info!(feature, "a feature is asked for that is always there or not known: it has no effect");
        }
    }
    features
}
