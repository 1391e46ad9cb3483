//! Addresses of endpoints as flags and files give them.

/// Where endpoints are: at an address, or at those that a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointAddress {
    Static {
        /// `host:port`.
        address: String,
        /// It is asked even while nothing is known of it: an answer without it is never taken for whole.
        strict: bool,
    },
    Dns(DnsName),
}

/// A name to be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsName {
    pub lookup: Lookup,
    pub host: String,
    /// The endpoints' port. A lookup of addresses has one; of services it replaces theirs.
    pub port: Option<u16>,
}

/// How a name becomes addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lookup {
    /// `dns+`: A records, or AAAA if there are none.
    Host,
    /// `dnsdualstack+`: A and AAAA records.
    DualStack,
    /// `dnssrv+`: SRV records, and then the addresses of their targets.
    Service,
    /// `dnssrvnoa+`: SRV records, their targets left as names.
    ServiceNames,
}

/// Why an address cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    #[error("endpoint {0:?}: {1:?} is no way to look up a name; there are dns+, dnsdualstack+, dnssrv+ and dnssrvnoa+")]
    Lookup(String, String),
    #[error("endpoint {0:?}: a lookup of addresses needs a port, as in dns+host:10901")]
    NoPort(String),
    #[error("endpoint {0:?}: {1:?} is no port")]
    Port(String, String),
    #[error("endpoint {0:?}: a strict endpoint is an address, it cannot be looked up")]
    StrictLookup(String),
    #[error("endpoint {0:?} names no host")]
    NoHost(String),
}

impl EndpointAddress {
    /// Reads what `--endpoint` takes.
    ///
    /// # Errors
    /// An unknown prefix, a missing or impossible port.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        let Some((prefix, name)) = text.split_once('+') else {
            return Self::fixed(text, false);
        };
        let lookup = match prefix {
            "dns" => Lookup::Host,
            "dnsdualstack" => Lookup::DualStack,
            "dnssrv" => Lookup::Service,
            "dnssrvnoa" => Lookup::ServiceNames,
            other => return Err(InvalidEndpoint::Lookup(text.to_owned(), other.to_owned())),
        };
        let (host, port) = match name.rsplit_once(':') {
            None => (name, None),
            Some((host, port)) => {
                let port = port.parse().map_err(|_| InvalidEndpoint::Port(text.to_owned(), port.to_owned()))?;
                (host, Some(port))
            }
        };
        if host.is_empty() {
            return Err(InvalidEndpoint::NoHost(text.to_owned()));
        }
        if port.is_none() && matches!(lookup, Lookup::Host | Lookup::DualStack) {
            return Err(InvalidEndpoint::NoPort(text.to_owned()));
        }
        Ok(Self::Dns(DnsName { lookup, host: host.to_owned(), port }))
    }

    /// Reads what `--endpoint-strict` takes.
    ///
    /// # Errors
    /// A name to be looked up.
    pub fn parse_strict(text: &str) -> Result<Self, InvalidEndpoint> {
        match text.contains('+') {
            true => Err(InvalidEndpoint::StrictLookup(text.to_owned())),
            false => Self::fixed(text, true),
        }
    }

    fn fixed(text: &str, strict: bool) -> Result<Self, InvalidEndpoint> {
        match text.is_empty() || text.starts_with(':') {
            true => Err(InvalidEndpoint::NoHost(text.to_owned())),
            false => Ok(Self::Static { address: text.to_owned(), strict }),
        }
    }
}

impl std::fmt::Display for DnsName {
    /// As it is written in a flag.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prefix = match self.lookup {
            Lookup::Host => "dns",
            Lookup::DualStack => "dnsdualstack",
            Lookup::Service => "dnssrv",
            Lookup::ServiceNames => "dnssrvnoa",
        };
        write!(out, "{prefix}+{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(out, ":{port}"))
    }
}

#[cfg(test)]
mod tests;
