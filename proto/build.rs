//! Compiles the messages: no `protoc`, only crates.
//!
//! The hot messages of `thanos.Store` and `thanos.WriteableStore` are encoded and decoded by hand, and so are those that a peer
//! could make large: they pass the generated services as bytes (`grpc::Raw`), the others as generated types.

use std::path::Path;
use tonic_build::manual::{Builder, Method, Service};

const FILES: [&str; 5] = [
    "thanos/store.proto",
    "thanos/hints.proto",
    "thanos/info.proto",
    "thanos/exemplars.proto",
    "thanos/metadata.proto",
];
const RAW: &str = "crate::grpc::Raw";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let mut files = protox::compile(FILES, ["proto"])?;
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("descriptors.bin"), prost::Message::encode_to_vec(&files))?;
    for file in &mut files.file {
        file.service.retain(|service| ["Info", "Exemplars", "Metadata"].contains(&service.name()));
    }
    tonic_prost_build::configure().bytes(".").btree_map(".").build_transport(false).compile_fds(files)?;
    Builder::new().build_transport(false).compile(&[store(), writeable_store()]);
    Ok(())
}

fn store() -> Service {
    Service::builder()
        .name("Store")
        .package("thanos")
        .method(method("series", "Series", "crate::thanos::SeriesRequest", RAW).server_streaming().build())
        .method(method("label_names", "LabelNames", "crate::thanos::LabelNamesRequest", RAW).build())
        .method(method("label_values", "LabelValues", "crate::thanos::LabelValuesRequest", RAW).build())
        .build()
}

fn writeable_store() -> Service {
    Service::builder()
        .name("WriteableStore")
        .package("thanos")
        .method(method("remote_write", "RemoteWrite", RAW, "crate::thanos::WriteResponse").build())
        .build()
}

fn method(name: &str, route: &str, input: &str, output: &str) -> tonic_build::manual::MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(input)
        .output_type(output)
        .codec_path("crate::grpc::WireCodec")
}
