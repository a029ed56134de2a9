//! Serves ZooKeeper clients from memory: one node, no consensus, nothing durable. For trying clients and for profiling
//! the front end by itself.
//!
//! `cargo run --release -p quorate-zookeeper --example loopback -- 127.0.0.1:2181 [TICK_MS]`

use std::sync::Arc;
use std::time::Duration;

use control::loopback::Loopback;
use control::{Control, ControlConfig};
use runtime::{Runtime, SystemClock, SystemDisk, SystemEntropy, SystemNetwork, TokioPools};
use zookeeper::{Config, Server, Terms};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let tick_ms = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2000);
    let tick = Duration::from_millis(tick_ms);

    let handle = tokio::runtime::Handle::current();
    let runtime = Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(SystemDisk),
        clock: SystemClock::clock(),
        entropy: Arc::new(SystemEntropy),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    };
    let control = Control::new(runtime.clone(), ControlConfig { tick, ..ControlConfig::default() });
    let _applying = Loopback::new(runtime.clone()).join(&control);
    let config = Config { connections_per_address_max: 0, ..Config::with_tick(tick) };
    let listener = runtime.network.listen(&address).await?;
    Server::new(runtime, control, config).serve(listener, Terms::default()).await;
    Ok(())
}
