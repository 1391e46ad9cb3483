//! The stores of other processes: where they are, what they hold, and whether they still answer.
//!
//! Names are looked up again and again; each address is polled for its `Info` over a connection of its own, so that a long
//! answer cannot hold up the question whether a store is alive. What follows from it is in `book`.

mod address;
mod book;
mod metrics;
mod resolve;

pub use address::{DnsName, EndpointAddress, InvalidEndpoint, Lookup};
pub use book::EndpointStatus;

use crate::grpc::{Channel, RemoteOptions, RemoteStore, fetch_info};
use crate::proxy::{LiveStore, StoreProvider};
use crate::store::{Store, StoreError, StoreInfo};
use book::Book;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use metrics::{DnsMetrics, EndpointMetrics};
use model::Clock;
use parking_lot::Mutex;
use resolve::Names;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use telemetry::Registry;
use tokio::sync::watch;
use tracing::{info, warn};

/// Where stores are and how they are spoken with.
#[derive(Debug, Clone)]
pub struct EndpointsConfig {
    pub addresses: Vec<EndpointAddress>,
    /// How often names are looked up: `--store.sd-dns-interval`.
    pub dns_interval: Duration,
    /// How often endpoints are polled, and how long each may take: `--endpoint.info-timeout`.
    pub info_timeout: Duration,
    /// How long an endpoint that stopped to answer is still asked, and shown: `--store.unhealthy-timeout`.
    pub unhealthy_timeout: Duration,
    pub remote: RemoteOptions,
}

/// Why endpoints cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointsError {
    #[error("endpoint {address}: {reason}")]
    Address { address: String, reason: String },
    #[error("the system's DNS configuration cannot be used: {0}")]
    Dns(String),
}

/// Makes channels to peers.
pub trait Dial: std::fmt::Debug + Send + Sync + 'static {
    type Channel: Channel + std::fmt::Debug;

    /// A channel to `address`. It connects when it is used, and each that is asked for is a connection of its own.
    ///
    /// # Errors
    /// Why there is no way to such an address.
    fn dial(&self, address: &str) -> Result<Self::Channel, String>;
}

/// Tells of each store how it is.
pub trait StatusProvider: std::fmt::Debug + Send + Sync {
    /// Those that said something of themselves.
    fn statuses(&self) -> Vec<EndpointStatus>;
}

/// The endpoints of a querier: a [`StoreProvider`] that [`Endpoints::run`] keeps up to date.
#[derive(Debug)]
pub struct Endpoints<D: Dial> {
    config: EndpointsConfig,
    clock: Arc<dyn Clock>,
    dial: D,
    metrics: EndpointMetrics,
    /// Absent if no address is a name.
    names: tokio::sync::Mutex<Option<Names>>,
    state: Mutex<State<D::Channel>>,
    updated: watch::Sender<bool>,
}

struct State<C> {
    book: Book,
    links: HashMap<String, Link<C>>,
}

/// The ways to one endpoint.
struct Link<C> {
    info: C,
    store: Arc<RemoteStore<C>>,
}

impl EndpointsConfig {
    /// Endpoints at `addresses`, everything else as Thanos has it.
    pub fn new(addresses: Vec<EndpointAddress>) -> Self {
        Self {
            addresses,
            dns_interval: Duration::from_secs(30),
            info_timeout: Duration::from_secs(5),
            unhealthy_timeout: Duration::from_secs(5 * 60),
            remote: RemoteOptions::default(),
        }
    }
}

impl<D: Dial> Endpoints<D> {
    /// Knows the addresses, has asked nobody yet.
    ///
    /// # Errors
    /// An address that cannot be one; names without a way to look them up.
    pub fn new(
        config: EndpointsConfig,
        clock: Arc<dyn Clock>,
        dial: D,
        registry: &Registry,
    ) -> Result<Arc<Self>, EndpointsError> {
        let has_names = config.addresses.iter().any(|address| matches!(address, EndpointAddress::Dns(_)));
        let dns_metrics = DnsMetrics::new(registry);
        let names = has_names.then(|| Names::new(dns_metrics)).transpose();
        let names = names.map_err(|error| EndpointsError::Dns(error.to_string()))?;
        let unhealthy_timeout_ms = i64::try_from(config.unhealthy_timeout.as_millis()).unwrap_or(i64::MAX);
        let endpoints = Self {
            config,
            clock,
            dial,
            metrics: EndpointMetrics::new(registry),
            names: tokio::sync::Mutex::new(names),
            state: Mutex::new(State { book: Book::new(unhealthy_timeout_ms), links: HashMap::new() }),
            updated: watch::Sender::new(false),
        };
        // What is written in the configuration must be right; what DNS says later is only left out if it is not.
        let fixed: BTreeMap<String, bool> = endpoints.fixed().collect();
        for address in fixed.keys() {
            endpoints.link(address)?;
        }
        endpoints.set_addresses(&fixed);
        Ok(Arc::new(endpoints))
    }

    /// Looks up, polls and forgets, until `stop` comes. A failing endpoint is told by its status.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut looked_up = None;
        let mut ticks = tokio::time::interval(self.config.info_timeout);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let round = async {
                ticks.tick().await;
                let now = tokio::time::Instant::now();
                if looked_up.is_none_or(|at| now.duration_since(at) >= self.config.dns_interval) {
                    looked_up = Some(now);
                    self.look_up().await;
                }
                self.poll().await;
                self.updated.send_replace(true);
            };
            tokio::select! {
                () = round => {}
                () = &mut stop => return,
            }
        }
    }

    /// Waits until every endpoint was polled once.
    pub async fn first_update(&self) {
        // The sender lives as long as this.
        let _ = self.updated.subscribe().wait_for(|updated| *updated).await;
    }

    fn fixed(&self) -> impl Iterator<Item = (String, bool)> {
        self.config.addresses.iter().filter_map(|address| match address {
            EndpointAddress::Static { address, strict } => Some((address.clone(), *strict)),
            EndpointAddress::Dns(_) => None,
        })
    }

    async fn look_up(&self) {
        let mut all: Vec<(String, bool)> = self.fixed().collect();
        if let Some(names) = self.names.lock().await.as_mut() {
            for address in &self.config.addresses {
                if let EndpointAddress::Dns(name) = address {
                    all.extend(names.addresses(name).await.into_iter().map(|address| (address, false)));
                }
            }
        }
        let mut addresses = BTreeMap::new();
        for (address, strict) in all {
            let known = addresses.get(&address).copied();
            self.metrics.duplicates.inc_by(u64::from(known.is_some()));
            addresses.insert(address, strict || known == Some(true));
        }
        self.set_addresses(&addresses);
    }

    fn set_addresses(&self, addresses: &BTreeMap<String, bool>) {
        let mut state = self.state.lock();
        state.links.retain(|address, _| addresses.contains_key(address));
        let mut usable = BTreeMap::new();
        for (address, strict) in addresses {
            if !state.links.contains_key(address) {
                match self.link(address) {
                    Ok(link) => state.links.insert(address.clone(), link),
                    Err(error) => {
                        warn!(%error, "endpoint cannot be used");
                        continue;
                    }
                };
            }
            usable.insert(address.clone(), *strict);
        }
        state.book.set_addresses(&usable);
    }

    fn link(&self, address: &str) -> Result<Link<D::Channel>, EndpointsError> {
        let unusable = |reason| EndpointsError::Address { address: address.to_owned(), reason };
        let channel = || self.dial.dial(address).map_err(unusable);
        let store = RemoteStore::new(book::unknown(address), channel()?, self.config.remote);
        Ok(Link { info: channel()?, store: Arc::new(store) })
    }

    /// Asks all endpoints what they hold, at once.
    async fn poll(&self) {
        let links: Vec<_> = {
            let state = self.state.lock();
            let link = |address: &str| Some((address.to_owned(), state.links.get(address)?.info.clone()));
            state.book.addresses().filter_map(link).collect()
        };
        let ask = |(address, channel): (String, D::Channel)| async move {
            let answer = tokio::time::timeout(self.config.info_timeout, fetch_info(&address, channel)).await;
            let late = |_| StoreError::TimedOut { store: address.clone(), reason: "no answer to Info".to_owned() };
            (answer.map_err(late).flatten(), address)
        };
        let mut answers: FuturesUnordered<_> = links.into_iter().map(ask).collect();
        while let Some((answer, address)) = answers.next().await {
            self.take(&address, answer);
        }
        self.metrics.set_connections(&self.state.lock().book.statuses());
    }

    fn take(&self, address: &str, answer: Result<StoreInfo, StoreError>) {
        let now_ms = self.clock.now_ms();
        let state = &mut *self.state.lock();
        match answer {
            Ok(info) => {
                if let Some(link) = state.links.get(address) {
                    if *link.store.peer() == book::unknown(address) {
                        info!(address, component = info.component.name(), "endpoint is there");
                    }
                    link.store.update(info.clone());
                }
                state.book.answered(address, now_ms, Arc::new(info));
            }
            Err(error) => {
                if state.book.failed(address, now_ms, error.to_string()) {
                    warn!(address, %error, "endpoint does not answer");
                }
            }
        }
    }
}

impl<D: Dial> StoreProvider for Endpoints<D> {
    fn stores(&self) -> Vec<LiveStore> {
        let state = self.state.lock();
        let live = |(address, info): (&str, Arc<StoreInfo>)| {
            let store = Arc::clone(&state.links.get(address)?.store) as Arc<dyn Store>;
            Some(LiveStore { store, info })
        };
        state.book.live().filter_map(live).collect()
    }
}

impl<D: Dial> StatusProvider for Endpoints<D> {
    fn statuses(&self) -> Vec<EndpointStatus> {
        self.state.lock().book.statuses()
    }
}

impl<C: Channel> std::fmt::Debug for State<C> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let links: Vec<&String> = self.links.keys().collect();
        out.debug_struct("State").field("book", &self.book).field("links", &links).finish()
    }
}

#[cfg(test)]
mod tests;
