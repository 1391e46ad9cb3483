//! Which build this is.

use crate::Registry;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// What is known about the running build. Whoever makes a release sets `GAUNTLET_REVISION`, `GAUNTLET_BRANCH`,
/// `GAUNTLET_BUILD_USER` and `GAUNTLET_BUILD_DATE` while compiling; what was not set is `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildInfo {
    pub version: &'static str,
    pub revision: &'static str,
    pub branch: &'static str,
    pub build_user: &'static str,
    pub build_date: &'static str,
    /// The oldest compiler that builds this version.
    pub rust_version: &'static str,
    /// The system, as Go names it.
    pub os: &'static str,
    /// The machine, as Go names it.
    pub arch: &'static str,
}

impl BuildInfo {
    /// The build that is running.
    pub const CURRENT: Self = Self {
        version: env!("CARGO_PKG_VERSION"),
        revision: or_unknown(option_env!("GAUNTLET_REVISION")),
        branch: or_unknown(option_env!("GAUNTLET_BRANCH")),
        build_user: or_unknown(option_env!("GAUNTLET_BUILD_USER")),
        build_date: or_unknown(option_env!("GAUNTLET_BUILD_DATE")),
        rust_version: env!("CARGO_PKG_RUST_VERSION"),
        os: std::env::consts::OS,
        arch: go_arch(),
    };

    /// Registers `thanos_build_info`, which Thanos' dashboards ask for, and `gauntlet_build_info` beside it. There is no Go,
    /// so `goversion` is empty, which to Prometheus is the same as absent.
    pub fn register(&self, registry: &Registry) {
        let thanos: Family<Vec<(&'static str, &'static str)>, Gauge> = Family::default();
        let labels = |own: &[(&'static str, &'static str)]| {
            let mut labels = vec![("version", self.version), ("revision", self.revision), ("branch", self.branch)];
            labels.extend_from_slice(own);
            labels
        };
        thanos
            .get_or_create(&labels(&[("goos", self.os), ("goarch", self.arch), ("goversion", ""), ("tags", "")]))
            .set(1);
        registry.register(
            "thanos_build_info",
            "A metric with a constant '1' value, labeled by what this program was built from; named as Thanos names it.",
            thanos,
        );
        let own: Family<Vec<(&'static str, &'static str)>, Gauge> = Family::default();
        own.get_or_create(&labels(&[("os", self.os), ("arch", self.arch), ("rust_version", self.rust_version)])).set(1);
        registry.register(
            "gauntlet_build_info",
            "A metric with a constant '1' value, labeled by what this program was built from.",
            own,
        );
    }

    /// The lines `--version` prints, laid out as Prometheus programs lay them out.
    pub fn long_version(&self, program: &str) -> String {
        format!(
            "{program}, version {} (branch: {}, revision: {})\n  build user:       {}\n  build date:       {}\n  \
             rust version:     {}\n  platform:         {}/{}",
            self.version,
            self.branch,
            self.revision,
            self.build_user,
            self.build_date,
            self.rust_version,
            self.os,
            self.arch,
        )
    }
}

const fn or_unknown(given: Option<&'static str>) -> &'static str {
    match given {
        Some(given) => given,
        None => "unknown",
    }
}

const fn go_arch() -> &'static str {
    if cfg!(target_arch = "x86_64") {
        "amd64"
    } else if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        std::env::consts::ARCH
    }
}
