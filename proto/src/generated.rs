//! What the build makes of `proto/*.proto`.

/// Package `thanos`.
pub mod thanos {
    tonic::include_proto!("thanos");
    /// Package `thanos.info`.
    pub mod info {
        tonic::include_proto!("thanos.info");
    }
    /// The services of which some messages are encoded by hand.
    pub mod services {
        include!(concat!(env!("OUT_DIR"), "/thanos.Store.rs"));
        include!(concat!(env!("OUT_DIR"), "/thanos.WriteableStore.rs"));
    }
}

/// Package `hintspb`.
pub mod hintspb {
    tonic::include_proto!("hintspb");
}

/// Package `prometheus_copy`.
pub mod prometheus_copy {
    tonic::include_proto!("prometheus_copy");
}
