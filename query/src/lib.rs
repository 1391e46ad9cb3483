//! PromQL over many stores; the Prometheus HTTP API.
