//! How a node that belongs to no cluster yet learns which one it joins.

use std::time::Duration;

use runtime::Runtime;

use super::frame::{self, FrameReader};
use crate::Refused;
use crate::identity::{ClusterId, NodeId, PEER_FORMAT};
use crate::level::Level;
use crate::wire;

/// The lane in the greeting of a node that has no cluster. The answer is all it gets.
pub(super) const LANE: u32 = 100;

const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is no answer: not reached, or refused, which trying again does not change.
pub(crate) enum Failure {
    Unreachable(String),
    Refused(String),
}

/// Asks the member at `address` for its cluster, and whether it would have this `node`, which can apply commands up to `level`.
pub(crate) async fn introduce(
    runtime: &Runtime,
    address: &str,
    node: NodeId,
    level: &Level,
) -> Result<ClusterId, Failure> {
    let hello = wire::Hello {
        format: PEER_FORMAT,
        node: node.0,
        lane: LANE,
        level: Some(level.to_wire()),
        ..Default::default()
    };
    let asked = runtime.clock.timeout(PATIENCE, ask(runtime, address, &hello)).await;
    let asked = asked.map_err(|elapsed| Failure::Unreachable(elapsed.to_string()))?;
    let welcome = asked.map_err(|error| Failure::Unreachable(error.to_string()))?;
    if !welcome.refusal.is_empty() {
        return Err(Failure::Refused(welcome.refusal));
    }
    let hello = welcome.hello.unwrap_or_default();
    let cluster = <[u8; 16]>::try_from(&hello.cluster[..]);
    cluster.map(ClusterId).map_err(|_| Failure::Refused(malformed().to_string()))
}

fn malformed() -> Refused {
    Refused::Malformed("no cluster in the answer".into())
}

async fn ask(runtime: &Runtime, address: &str, hello: &wire::Hello) -> std::io::Result<wire::Welcome> {
    let stream = runtime.network.connect(address).await?;
    let (reader, mut writer) = tokio::io::split(stream);
    frame::write(&mut writer, hello).await?;
    let answer = FrameReader::new(reader).next::<wire::Welcome>().await?;
    answer.ok_or_else(|| std::io::Error::other("closed during the greeting"))
}
