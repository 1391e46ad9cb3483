//! Flags of every sub-command that are known only.

use crate::known::Kind::{List, Switch, Value};
use crate::known::{Known, no_effect, not_yet};

/// Those that stand before a sub-command's own in Thanos.
pub(crate) const COMMON: &[Known] = &[
    not_yet("debug.name", Value, ""),
    not_yet("tracing.config-file", Value, ""),
    not_yet("tracing.config", Value, ""),
    no_effect("enable-auto-gomemlimit", Switch, "false", "memory is budgeted, there is no garbage collector"),
    no_effect("auto-gomemlimit.ratio", Value, "0.9", "memory is budgeted, there is no garbage collector"),
    not_yet("request.logging-config-file", Value, ""),
    not_yet("request.logging-config", Value, ""),
];

/// Those of the servers.
pub(crate) const SERVERS: &[Known] = &[
    not_yet("http.config", Value, ""),
    not_yet("grpc-server-tls-ciphers", List, ""),
    not_yet("grpc-server-tls-curves", List, ""),
];
