//! The first exchange on a connection: a four-letter word, or a session.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Buf;
use control::{Connection, Delivery, Turn};
use tree::{Command, Operation, Password, Reply, SessionId};

use super::Server;
use super::auth::Who;
use super::wire::{Progress, Wire};
use crate::codec::{
    ConnectRequest, ConnectResponse, DEFAULT_FRAME_BYTES_MAX, FRAME_PREFIX_BYTES, PASSWORD_BYTES, Reader,
    Record, first_frame, put_frame,
};
use crate::errors::Ending;
use crate::words;

/// What a connection is after its first exchange.
pub(super) struct Established {
    pub(super) link: Connection,
    pub(super) who: Who,
    pub(super) timeout_ms: u32,
}

/// What the client asked for, without what was borrowed from the frame.
struct Wish {
    timeout_ms: u32,
    session: SessionId,
    password: Option<Password>,
    read_only: Option<bool>,
}

/// Sets up a session for the client, or answers its word. The reply is left in the output.
pub(super) async fn establish(server: &Server, wire: &mut Wire, mut who: Who) -> Result<Established, Ending> {
    let word = receive_prefix(wire).await?;
    if let Some(answer) = words::answer(server, word) {
        wire.output.extend_from_slice(answer.as_bytes());
        return Err(Ending::Word);
    }
    let wish = receive_wish(server, wire).await?;
    let mut link = server.control.connect(who.identities.clone());
    let Some((session, timeout_ms, password)) = ask(server, &mut link, &wish, &who).await? else {
        put_frame(&mut wire.output, |out| ConnectResponse::refused(wish.read_only).encode(out));
        return Err(Ending::Refused { session: wish.session });
    };
    who.session = session;
    let response = ConnectResponse {
        protocol_version: 0,
        timeout_ms: i32::try_from(timeout_ms).unwrap_or(i32::MAX),
        session_id: session.0,
        password: Some(&password.0),
        read_only: wish.read_only.map(|_| false),
    };
    put_frame(&mut wire.output, |out| response.encode(out));
    Ok(Established { link, who, timeout_ms })
}

async fn receive(wire: &mut Wire) -> Result<(), Ending> {
    match wire.progress(true).await? {
        Progress::Read | Progress::Flushed => Ok(()),
        Progress::Eof if wire.input.is_empty() => Err(Ending::Eof),
        Progress::Eof => Err(Ending::Truncated { bytes: wire.input.len() }),
    }
}

async fn receive_prefix(wire: &mut Wire) -> Result<[u8; FRAME_PREFIX_BYTES], Ending> {
    loop {
        if let Some(prefix) = wire.input.first_chunk() {
            return Ok(*prefix);
        }
        receive(wire).await?;
    }
}

async fn receive_wish(server: &Server, wire: &mut Wire) -> Result<Wish, Ending> {
    // Whoever has no session yet keeps no more of this node's memory than ZooKeeper's default allows.
    let frame_bytes_max = server.config.frame_bytes_max.min(DEFAULT_FRAME_BYTES_MAX);
    let payload = loop {
        if let Some(payload) = first_frame(&wire.input, frame_bytes_max)? {
            break payload;
        }
        receive(wire).await?;
    };
    let used = FRAME_PREFIX_BYTES + payload.len();
    let request = ConnectRequest::decode(&mut Reader::new(payload))
        .map_err(|error| Ending::Garbage { what: "connect request", error })?;
    let applied = server.control.zxid();
    // A client that was served by a node that is ahead must not see its own past here.
    if request.last_zxid_seen > applied.0 {
        return Err(Ending::Behind { seen: request.last_zxid_seen, applied });
    }
    let wish = Wish {
        timeout_ms: negotiate(server, request.timeout_ms),
        session: SessionId(request.session_id),
        password: request.password.and_then(|bytes| bytes.try_into().ok()).map(Password),
        read_only: request.read_only,
    };
    wire.input.advance(used);
    Ok(wish)
}

fn negotiate(server: &Server, wished_ms: i32) -> u32 {
    let wished = Duration::from_millis(u64::try_from(wished_ms).unwrap_or(0));
    let granted = wished.max(server.config.session_timeout_min).min(server.config.session_timeout_max);
    u32::try_from(granted.as_millis()).unwrap_or(u32::MAX)
}

/// Makes or attaches the session. `None` when it is refused.
async fn ask(
    server: &Server,
    link: &mut Connection,
    wish: &Wish,
    who: &Who,
) -> Result<Option<(SessionId, u32, Password)>, Ending> {
    let (operation, password) = if wish.session == SessionId::NONE {
        let mut bytes = [0; PASSWORD_BYTES];
        server.runtime.entropy.fill(&mut bytes);
        let password = Password(bytes);
        (Operation::CreateSession { timeout_ms: wish.timeout_ms, password }, password)
    } else {
        server.control.metrics().sessions_taken_up.fetch_add(1, Ordering::Relaxed);
        let Some(password) = wish.password else { return Ok(None) };
        let attach =
            Operation::AttachSession { session: wish.session, password, timeout_ms: wish.timeout_ms };
        (attach, password)
    };
    server.control.room().await;
    let command = Command {
        session: SessionId::NONE,
        origin: link.owner(),
        identities: who.identities.to_vec(),
        enforce_quotas: false,
        operation,
    };
    link.turn(|turn| turn.propose(&command)).expect("sessions are let in however full the tree is");
    loop {
        link.notified().await;
        if server.is_stopping() {
            return Err(Ending::Stopping);
        }
        if let Some(result) = link.turn(hear)? {
            return Ok(granted(result, password));
        }
    }
}

/// The answer, if it is there. Another connection may have taken the session up already.
fn hear(turn: &mut Turn<'_>) -> Result<Option<Result<Reply, tree::ErrorCode>>, Ending> {
    let mut answer = None;
    while let Some(delivery) = turn.next_delivery() {
        match delivery {
            Delivery::Done { result, .. } => answer = Some(result),
            Delivery::Closed(reason) => return Err(Ending::Control(reason)),
            Delivery::Event { .. } | Delivery::Deferred(_) => {
                debug_assert!(false, "a connection without a session watches and reads nothing");
            }
        }
    }
    Ok(answer)
}

fn granted(result: Result<Reply, tree::ErrorCode>, password: Password) -> Option<(SessionId, u32, Password)> {
    match result {
        Ok(
            Reply::SessionCreated { session, timeout_ms }
            | Reply::SessionAttached { session, timeout_ms, .. },
        ) => Some((session, timeout_ms, password)),
        _ => None,
    }
}
