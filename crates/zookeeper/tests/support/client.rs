//! A client made of the codec and a byte stream.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use runtime::{BoxStream, Clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zookeeper::codec::{
    Acl, ConnectRequest, ConnectResponse, Create, ErrorCode, EventType, OpCode, PathOnly, PathVersion,
    PathWatch, Reader, Record, ReplyBody, Request, ServerFrame, SetData, Stat, Xid, first_frame, put_frame,
};

/// After so long, in paused time, nothing more will come.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Client {
    stream: BoxStream,
    clock: Clock,
    input: BytesMut,
    next_xid: i32,
    /// Operations whose replies are due.
    asked: VecDeque<(Xid, OpCode)>,
    pub session: i64,
    pub password: [u8; 16],
    pub timeout_ms: i32,
    pub last_zxid: i64,
}

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Event { zxid: i64, kind: EventType, path: String },
    Reply(Reply),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub xid: Xid,
    pub zxid: i64,
    pub error: ErrorCode,
    pub op: OpCode,
    body: Bytes,
}

impl Reply {
    /// The body of a reply that tells of no error.
    pub fn body(&self) -> ReplyBody<'_> {
        assert_eq!(self.error, ErrorCode::OK);
        ReplyBody::decode(self.op, &mut Reader::new(&self.body)).unwrap()
    }

    pub fn stat(&self) -> Stat {
        match self.body() {
            ReplyBody::Stat(stat)
            | ReplyBody::Data(_, stat)
            | ReplyBody::NamesStat(_, stat)
            | ReplyBody::PathStat(_, stat)
            | ReplyBody::Acl(_, stat) => stat,
            other => panic!("{other:?} has no stat"),
        }
    }

    pub fn data(&self) -> Option<Vec<u8>> {
        match self.body() {
            ReplyBody::Data(data, _) => data.map(<[u8]>::to_vec),
            other => panic!("{other:?} has no data"),
        }
    }

    pub fn names(&self) -> Vec<String> {
        match self.body() {
            ReplyBody::Names(names) | ReplyBody::NamesStat(names, _) => {
                names.into_iter().map(str::to_owned).collect()
            }
            other => panic!("{other:?} has no names"),
        }
    }

    pub fn path(&self) -> String {
        match self.body() {
            ReplyBody::Path(path) | ReplyBody::PathStat(path, _) => path.to_owned(),
            other => panic!("{other:?} has no path"),
        }
    }
}

/// An access control list that lets everybody do everything.
pub fn open_acl() -> Vec<Acl<'static>> {
    vec![Acl::OPEN]
}

impl Client {
    pub fn new(stream: BoxStream, clock: Clock) -> Self {
        Self {
            stream,
            clock,
            input: BytesMut::new(),
            next_xid: 1,
            asked: VecDeque::new(),
            session: 0,
            password: [0; 16],
            timeout_ms: 0,
            last_zxid: 0,
        }
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        // The server may have closed already: the test then sees the end of the stream.
        let _ = self.stream.write_all(bytes).await;
    }

    pub fn connect_frame(&self, timeout_ms: i32, read_only: Option<bool>) -> BytesMut {
        let mut out = BytesMut::new();
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: self.last_zxid,
            timeout_ms,
            session_id: self.session,
            password: Some(&self.password),
            read_only,
        };
        put_frame(&mut out, |out| request.encode(out));
        out
    }

    /// Begins, or takes up, a session. False if it is refused.
    pub async fn begin_session(&mut self, timeout_ms: i32) -> bool {
        let frame = self.connect_frame(timeout_ms, Some(false));
        self.send_bytes(&frame).await;
        self.receive_session().await
    }

    pub async fn receive_session(&mut self) -> bool {
        let payload = self.receive_payload().await.expect("the server answers the handshake");
        let response = ConnectResponse::decode(&mut Reader::new(&payload)).unwrap();
        self.session = response.session_id;
        self.timeout_ms = response.timeout_ms;
        self.password = response.password.unwrap().try_into().unwrap();
        response.timeout_ms > 0
    }

    /// Sends a request without waiting.
    pub async fn send(&mut self, request: &Request<'_>) -> Xid {
        let xid = Xid(self.next_xid);
        self.next_xid += 1;
        self.send_as(xid, request).await;
        xid
    }

    pub async fn send_as(&mut self, xid: Xid, request: &Request<'_>) {
        let mut out = BytesMut::new();
        request.put_frame(xid, &mut out);
        self.asked.push_back((xid, request.op()));
        self.send_bytes(&out).await;
    }

    /// The reply to this request will carry another number.
    pub fn expect_xid(&mut self, sent: Xid, answered: Xid) {
        for (xid, _) in &mut self.asked {
            if *xid == sent {
                *xid = answered;
            }
        }
    }

    /// Sends several requests at once.
    pub async fn send_all(&mut self, requests: &[Request<'_>]) {
        let mut out = BytesMut::new();
        for request in requests {
            let xid = Xid(self.next_xid);
            self.next_xid += 1;
            request.put_frame(xid, &mut out);
            self.asked.push_back((xid, request.op()));
        }
        self.send_bytes(&out).await;
    }

    /// The payload of the next frame, or `None` at the end of the stream.
    pub async fn receive_payload(&mut self) -> Option<Bytes> {
        loop {
            if let Some(length) = first_frame(&self.input, usize::MAX).unwrap().map(<[u8]>::len) {
                self.input.advance(4);
                return Some(self.input.split_to(length).freeze());
            }
            if !self.receive_bytes().await {
                return None;
            }
        }
    }

    async fn receive_bytes(&mut self) -> bool {
        let read = self.clock.timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await;
        read.expect("the server says something").is_ok_and(|received| received > 0)
    }

    /// The next frame, or `None` at the end of the stream. Replies must come in the order of the requests.
    pub async fn receive(&mut self) -> Option<Frame> {
        let payload = self.receive_payload().await?;
        match ServerFrame::decode(&payload).unwrap() {
            ServerFrame::Event { zxid, event } => {
                Some(Frame::Event { zxid, kind: event.kind, path: event.path.to_owned() })
            }
            ServerFrame::Reply { header, body } => {
                let (xid, op) = self.asked.pop_front().expect("a reply answers a request");
                assert_eq!(header.xid, xid, "replies come in the order of the requests");
                let body = payload.slice_ref(body.rest());
                Some(Frame::Reply(Reply { xid, zxid: header.zxid, error: header.error, op, body }))
            }
        }
    }

    /// The next frame, which is a reply.
    pub async fn reply(&mut self) -> Reply {
        match self.receive().await {
            Some(Frame::Reply(reply)) => reply,
            other => panic!("{other:?} is not a reply"),
        }
    }

    /// The next frame, which is an event.
    pub async fn event(&mut self) -> (EventType, String) {
        match self.receive().await {
            Some(Frame::Event { kind, path, .. }) => (kind, path),
            other => panic!("{other:?} is not an event"),
        }
    }

    pub async fn call(&mut self, request: &Request<'_>) -> Reply {
        self.send(request).await;
        self.reply().await
    }

    /// Whether nothing has come and nothing comes for a while.
    pub async fn is_quiet(&mut self) -> bool {
        let wait = self.clock.timeout(Duration::from_millis(50), self.stream.read_buf(&mut self.input)).await;
        self.input.is_empty() && wait.is_err()
    }

    /// Whether the server has closed the connection, or does so at once, without another word.
    pub async fn is_closed(&mut self) -> bool {
        let clock = self.clock.clone();
        let received = clock.timeout(Duration::from_millis(50), self.receive_bytes()).await;
        received == Ok(false) && self.input.is_empty()
    }

    /// Everything until the end of the stream, as text.
    pub async fn text(&mut self) -> String {
        while self.receive_bytes().await {}
        String::from_utf8(self.input.to_vec()).unwrap()
    }

    pub async fn create(&mut self, path: &str, data: &[u8]) -> Reply {
        self.call(&create(path, data, 0)).await
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.call(&get(path, false)).await
    }

    pub async fn exists(&mut self, path: &str) -> bool {
        let reply = self.call(&Request::Exists(PathWatch { path, watch: false })).await;
        assert!(matches!(reply.error, ErrorCode::OK | ErrorCode::NO_NODE));
        reply.error == ErrorCode::OK
    }
}

pub fn create<'a>(path: &'a str, data: &'a [u8], flags: i32) -> Request<'a> {
    Request::Create(Create { path, data: Some(data), acl: open_acl(), flags })
}

pub fn get(path: &str, watch: bool) -> Request<'_> {
    Request::GetData(PathWatch { path, watch })
}

pub fn set<'a>(path: &'a str, data: &'a [u8]) -> Request<'a> {
    Request::SetData(SetData { path, data: Some(data), version: -1 })
}

pub fn delete(path: &str) -> Request<'_> {
    Request::Delete(PathVersion { path, version: -1 })
}

pub fn exists(path: &str, watch: bool) -> Request<'_> {
    Request::Exists(PathWatch { path, watch })
}

pub fn children(path: &str, watch: bool) -> Request<'_> {
    Request::GetChildren(PathWatch { path, watch })
}

pub fn sync(path: &str) -> Request<'_> {
    Request::Sync(PathOnly { path })
}
