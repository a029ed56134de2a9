//! Compiles the protobuf schema without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(["proto/consensus.proto"], ["proto"])?;
    println!("cargo:rerun-if-changed=proto");
    prost_build::Config::new().bytes(["."]).compile_fds(descriptors)?;
    Ok(())
}
