//! Names looked up in DNS. The last answer stays where a lookup fails.

use super::address::{DnsName, Lookup};
use super::metrics::DnsMetrics;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RData;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use tracing::warn;

/// Looks names up, and remembers.
pub(super) struct Names {
    resolver: TokioResolver,
    found: HashMap<DnsName, Vec<String>>,
    metrics: DnsMetrics,
}

impl Names {
    /// By the system's configuration.
    pub(super) fn new(metrics: DnsMetrics) -> Result<Self, NetError> {
        let resolver = TokioResolver::builder_tokio()?.build()?;
        Ok(Self { resolver, found: HashMap::new(), metrics })
    }

    /// The addresses that `name` stands for: now, or when it could be looked up last.
    pub(super) async fn addresses(&mut self, name: &DnsName) -> Vec<String> {
        self.metrics.lookups.inc();
        match look_up(&self.resolver, name).await {
            Ok(addresses) => {
                self.found.insert(name.clone(), addresses);
            }
            Err(error) => {
                self.metrics.failures.inc();
                warn!(%name, %error, "name was not resolved, its last addresses stay");
            }
        }
        let addresses = self.found.get(name).cloned().unwrap_or_default();
        self.metrics.set_results(name, addresses.len());
        addresses
    }
}

async fn look_up(resolver: &TokioResolver, name: &DnsName) -> Result<Vec<String>, NetError> {
    let port = name.port.unwrap_or_default();
    let with_port = |ip: IpAddr| SocketAddr::new(ip, port).to_string();
    match name.lookup {
        Lookup::Host => Ok(resolver.lookup_ip(name.host.as_str()).await?.iter().map(with_port).collect()),
        Lookup::DualStack => Ok(dual_stack(resolver, &name.host).await?.into_iter().map(with_port).collect()),
        Lookup::Service | Lookup::ServiceNames => services(resolver, name).await,
    }
}

/// Addresses of both families; one of them may be missing.
async fn dual_stack(resolver: &TokioResolver, host: &str) -> Result<Vec<IpAddr>, NetError> {
    let (v4, v6) = tokio::join!(resolver.ipv4_lookup(host), resolver.ipv6_lookup(host));
    let (v4, v6) = match (v4, v6) {
        (Err(error), Err(_)) => return Err(error),
        (v4, v6) => (v4.ok(), v6.ok()),
    };
    let answers = [&v4, &v6].into_iter().flatten().flat_map(|lookup| lookup.answers());
    Ok(answers.filter_map(|record| record.data.ip_addr()).collect())
}

async fn services(resolver: &TokioResolver, name: &DnsName) -> Result<Vec<String>, NetError> {
    let found = resolver.srv_lookup(name.host.as_str()).await?;
    let targets = found.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(service) => Some((service.target.to_utf8(), name.port.unwrap_or(service.port))),
        _ => None,
    });
    let mut addresses = Vec::new();
    for (target, port) in targets {
        if name.lookup == Lookup::ServiceNames {
            addresses.push(format!("{}:{port}", target.trim_end_matches('.')));
            continue;
        }
        let ips = resolver.lookup_ip(target).await?;
        addresses.extend(ips.iter().map(|ip| SocketAddr::new(ip, port).to_string()));
    }
    Ok(addresses)
}

impl std::fmt::Debug for Names {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Names").field("found", &self.found).finish_non_exhaustive()
    }
}
