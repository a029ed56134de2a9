//! Who holds a lock and who waits.

use bytes::Bytes;
use client::{Error, ErrorKind};

use crate::contend::{Queue, Token, contenders, persist};
use crate::paths::child;

/// Somebody who holds a lock or waits for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Participant {
    /// Its znode.
    pub path: String,
    /// What it put into its znode: with kazoo its identifier, with Curator by default the address of its machine.
    pub data: Bytes,
    /// Its session ([`Client::session`](client::Client::session)).
    pub session: i64,
    /// Its token, if it holds the lock or comes to.
    pub token: Token,
}

/// The contenders of a queue, in their order.
pub(crate) async fn list(queue: &Queue) -> Result<Vec<Participant>, Error> {
    let (client, parent) = (&queue.staking.client, &queue.staking.parent);
    let children = match persist(client, || client.children(parent)).await {
        Ok((children, _)) => children,
        Err(error) if error.kind == ErrorKind::NoNode => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut participants = Vec::new();
    for contender in contenders(&children, queue.markers) {
        let path = child(parent, contender.name);
        match persist(client, || client.get(&path)).await {
            Ok(node) => participants.push(Participant {
                path,
                data: node.data.unwrap_or_default(),
                session: node.stat.ephemeral_owner,
                token: Token::of_czxid(node.stat.czxid),
            }),
            // It has gone since.
            Err(error) if error.kind == ErrorKind::NoNode => {}
            Err(error) => return Err(error),
        }
    }
    Ok(participants)
}
