//! The services that every gRPC server has: health and reflection.

use super::Descriptors;
use crate::Probes;
use std::convert::Infallible;
use std::future::pending;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_reflection::server::Builder;

/// The name under which health speaks of the whole server.
const WHOLE: &str = "";

/// Says how the server is.
pub(super) struct Health(HealthReporter);

/// `routes` with these services.
pub(super) fn add(
    routes: Routes,
    descriptors: &Descriptors,
) -> Result<(Health, Routes), tonic_reflection::server::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let shown = || {
        descriptors
            .encoded
            .iter()
            .fold(Builder::configure(), |builder, encoded| builder.register_encoded_file_descriptor_set(encoded))
    };
    let routes = routes.add_service(health).add_service(shown().build_v1()?).add_service(shown().build_v1alpha()?);
    Ok((Health(reporter), routes.prepare()))
}

impl Health {
    /// Says what `probes` say.
    pub(super) async fn follow(&self, probes: Option<&Probes>) -> Infallible {
        let Some(probes) = probes else {
            return pending().await;
        };
        let mut ready = probes.watch();
        loop {
            let serving = *ready.borrow_and_update();
            let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
            self.0.set_service_status(WHOLE, status).await;
            // The sender lives as long as the probes do.
            if ready.changed().await.is_err() {
                return pending().await;
            }
        }
    }

    /// Lets streams end by which clients watch.
    pub(super) async fn end(mut self) {
        self.0.set_service_status(WHOLE, ServingStatus::NotServing).await;
        self.0.clear_service_status(WHOLE).await;
    }
}
