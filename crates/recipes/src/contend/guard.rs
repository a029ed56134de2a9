//! What is held: a znode at the front of its queue, and an eye on it.

use client::{Client, ErrorKind};
use runtime::{Pool, Task};
use tokio::sync::watch;

use super::claim::Claim;
use super::loss::Loss;
use super::persist::persist;
use super::token::Token;

/// What Curator's `Revoker` writes into the znode of a holder that shall let go.
pub(crate) const REVOKE: &[u8] = b"__REVOKE__";

/// Something that is held until it is released, dropped or lost.
pub(crate) struct Held {
    claim: Claim,
    hold: Hold,
    _vigil: Task,
}

/// What there is to know of something that is held; outlives it.
#[derive(Clone)]
pub(crate) struct Hold {
    client: Client,
    token: Token,
    standing: watch::Receiver<Standing>,
}

/// What has become of it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Standing {
    loss: Option<Loss>,
    is_revoked: bool,
}

impl Held {
    pub(crate) fn by(claim: Claim) -> Self {
        let (sender, standing) = watch::channel(Standing::default());
        let client = claim.client().clone();
        let runtime = client.runtime().clone();
        let hold = Hold { client: client.clone(), token: claim.token(), standing };
        let vigil = runtime.spawn(Pool::Clients, keep_vigil(client, claim.path(), sender));
        Self { claim, hold, _vigil: vigil }
    }

    pub(crate) fn hold(&self) -> &Hold {
        &self.hold
    }

    pub(crate) fn path(&self) -> String {
        self.claim.path()
    }

    /// Deletes the znode; done when it is certain that there is none.
    pub(crate) async fn release(self) -> Result<(), client::Error> {
        match self.claim.withdraw().await {
            // With the session went the znode.
            Err(error) if matches!(error.kind, ErrorKind::SessionExpired | ErrorKind::Closed) => Ok(()),
            other => other,
        }
    }
}

impl Hold {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// The token, if it is still held as far as can be known without asking a server.
    pub(crate) fn check(&self) -> Result<Token, Loss> {
        if let Some(loss) = self.standing.borrow().loss {
            return Err(loss);
        }
        // Whoever keeps watch may not have had the processor since.
        if self.client.lives_until() <= self.client.runtime().clock.now() {
            return Err(Loss::lapsed(&self.client));
        }
        // The watch ends with what is held.
        if self.standing.has_changed().is_err() {
            return Err(Loss::Released);
        }
        Ok(self.token)
    }

    pub(crate) async fn lost(&self) -> Loss {
        let mut standing = self.standing.clone();
        let lost = standing.wait_for(|standing| standing.loss.is_some()).await;
        lost.ok().and_then(|standing| standing.loss).unwrap_or(Loss::Released)
    }

    /// Completes when somebody asks the holder to let go; never, if nobody does before it is lost.
    pub(crate) async fn revoked(&self) {
        let mut standing = self.standing.clone();
        if standing.wait_for(|standing| standing.is_revoked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn keep_vigil(client: Client, path: String, standing: watch::Sender<Standing>) {
    let revoked = || standing.send_modify(|standing| standing.is_revoked = true);
    let loss = tokio::select! {
        biased;
        loss = Loss::of_session(&client) => loss,
        () = deleted(&client, &path, revoked) => Loss::Deleted,
    };
    standing.send_modify(|standing| standing.loss = Some(loss));
}

/// Completes when the znode is gone; calls `revoked` when its data asks for that.
async fn deleted(client: &Client, path: &str, revoked: impl Fn()) {
    loop {
        match persist(client, || client.exists_and_watch(path)).await {
            Ok((None, _)) => return,
            Ok((Some(stat), watch)) => {
                if stat.version > 0 && asks_to_let_go(client, path).await {
                    revoked();
                }
                if watch.fired().await.is_some() {
                    continue;
                }
            }
            Err(_) => {}
        }
        // The session is over, which is another matter.
        std::future::pending::<()>().await;
    }
}

async fn asks_to_let_go(client: &Client, path: &str) -> bool {
    let node = persist(client, || client.get(path)).await;
    node.is_ok_and(|node| node.data.as_deref() == Some(REVOKE))
}
