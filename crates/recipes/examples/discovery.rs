//! Registers an instance of a service and picks one again and again: `cargo run -p quorate-recipes --example discovery -- 127.0.0.1:2181
//! 8080`. Start several with ports of their own, and stop some.
#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Duration;

use client::{Options, Sessions};
use recipes::discovery::{Discovery, Instance, ProviderOptions};
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let port = arguments.next().unwrap_or_else(|| "8080".to_owned()).parse()?;
    let runtime = Runtime::system();
    let sessions = Sessions::open(&runtime, &servers, Options::default()).await?;
    let discovery = Discovery::new(&sessions, "/services");
    let mut instance = Instance::new("example", &format!("example-{port}"));
    (instance.address, instance.port) = (Some("127.0.0.1".to_owned()), Some(port));
    let _registration = discovery.register(&instance).await?;
    let provider = discovery.provider("example", ProviderOptions::default()).await?;
    loop {
        match provider.pick() {
            Some(instance) => println!("would call {}", instance.endpoint().unwrap_or_default()),
            None => println!("nobody is there"),
        }
        runtime.clock.sleep(Duration::from_secs(1)).await;
    }
}
