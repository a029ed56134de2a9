//! Where a node listens, and what its streams go through.

use std::sync::Arc;

use runtime::{Listener, Runtime, Security};
use tracing::info;
use zookeeper::{Reads, Terms};

use crate::config::Listen;
use crate::{Config, StartError};

/// Listeners, opened before anything else so that a taken port is told at once.
pub(crate) struct Listeners {
    pub(crate) peer: Option<Box<dyn Listener>>,
    pub(crate) zookeeper: Option<Box<dyn Listener>>,
    pub(crate) zookeeper_linearizable: Option<Box<dyn Listener>>,
    pub(crate) zookeeper_tls: Option<Box<dyn Listener>>,
    pub(crate) amqp: Option<Box<dyn Listener>>,
    pub(crate) amqp_tls: Option<Box<dyn Listener>>,
    pub(crate) admin: Option<Box<dyn Listener>>,
}

impl Listeners {
    pub(crate) async fn open(
        runtime: &Runtime,
        towards_peers: &Runtime,
        config: &Config,
    ) -> Result<Self, StartError> {
        Ok(Self {
            peer: listen(towards_peers, "peer", &config.peer).await?,
            zookeeper: listen(runtime, "zookeeper", &config.zookeeper).await?,
            zookeeper_linearizable: listen(runtime, "zookeeper-linearizable", &config.zookeeper_linearizable)
                .await?,
            zookeeper_tls: listen(runtime, "zookeeper-tls", &config.zookeeper_tls).await?,
            amqp: listen(runtime, "amqp", &config.amqp).await?,
            amqp_tls: listen(runtime, "amqp-tls", &config.amqp_tls).await?,
            admin: listen(runtime, "admin", &config.admin).await?,
        })
    }
}

/// A listener for ZooKeeper clients, and what holds for those who come through it.
pub(crate) type Door = (Box<dyn Listener>, Terms);
/// Likewise for AMQP clients.
pub(crate) type AmqpDoor = (Box<dyn Listener>, amqp::Terms);

impl Listeners {
    /// The listeners for ZooKeeper clients. Nobody is let in through that for TLS without `security`.
    pub(crate) fn doors(&mut self, reads: Reads, security: Option<Arc<dyn Security>>) -> Vec<Door> {
        let with = |security, reads| move |listener| (listener, Terms { security, reads });
        let plain = self.zookeeper.take().map(with(None, reads));
        let linearizable = self.zookeeper_linearizable.take().map(with(None, Reads::Linearizable));
        let secure = self.zookeeper_tls.take().zip(security);
        let secure = secure.map(|(listener, security)| with(Some(security), reads)(listener));
        [plain, linearizable, secure].into_iter().flatten().collect()
    }

    /// The listeners for AMQP clients, likewise.
    pub(crate) fn amqp_doors(&mut self, security: Option<Arc<dyn Security>>) -> Vec<AmqpDoor> {
        let plain = self.amqp.take().map(|listener| (listener, amqp::Terms::default()));
        let secure = self.amqp_tls.take().zip(security);
        let secure = secure.map(|(listener, security)| (listener, amqp::Terms { security: Some(security) }));
        [plain, secure].into_iter().flatten().collect()
    }
}

/// What a node shows of itself, where it uses TLS.
pub(crate) struct Tls {
    pub(crate) clients: Option<Arc<tls::ClientTls>>,
    pub(crate) peers: Option<Arc<tls::PeerNetwork>>,
}

impl Tls {
    pub(crate) async fn open(runtime: &Runtime, config: &Config) -> Result<Self, StartError> {
        let failed = |keys| move |source| StartError::Tls { keys, source };
        let clients = match config.tls.clone() {
            Some(files) => Some(tls::ClientTls::open(runtime, files).await.map_err(failed("tls"))?),
            None => None,
        };
        let peers = match config.peer_tls.clone() {
            Some(files) => Some(tls::PeerNetwork::open(runtime, files).await.map_err(failed("peer-tls"))?),
            None => None,
        };
        Ok(Self { clients: clients.map(Arc::new), peers: peers.map(Arc::new) })
    }

    /// The world as consensus sees it.
    pub(crate) fn towards_peers(&self, runtime: &Runtime) -> Runtime {
        match &self.peers {
            Some(network) => Runtime { network: network.clone(), ..runtime.clone() },
            None => runtime.clone(),
        }
    }

    /// What clients' streams go through on TLS listeners.
    pub(crate) fn towards_clients(&self) -> Option<Arc<dyn Security>> {
        self.clients.clone().map(|security| security as Arc<dyn Security>)
    }
}

async fn listen(
    runtime: &Runtime,
    key: &'static str,
    listen: &Listen,
) -> Result<Option<Box<dyn Listener>>, StartError> {
    let Some(address) = listen.address() else { return Ok(None) };
    let opened = runtime.network.listen(address).await;
    let listener = opened.map_err(|source| StartError::Listen { key, address: address.into(), source })?;
    if let Ok(local) = listener.local_addr() {
        info!(listener = key, address = %local, "listening");
    }
    Ok(Some(listener))
}
