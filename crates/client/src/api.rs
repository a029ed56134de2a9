//! The client's calls.

mod extension;
mod life;

use std::sync::Arc;

use bytes::BytesMut;
use jute::{
    AddWatch, AddWatchMode, Auth, Create, CreateTtl, ErrorCode, PartReply, PathOnly, PathVersion, PathWatch,
    Reader, ReplyBody, Request, SetAcl, SetData, Stat,
};
use runtime::Runtime;
use tls::Caller;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

pub use extension::{Child, ChildContent, ChildrenPage, Ensured, PageQuery, Parents};

use crate::acl::Acl;
use crate::address::ConnectString;
use crate::error::{Error, ErrorKind, Failure, kind_of};
use crate::life::{Life, proves_life};
use crate::node::{CreateMode, Node, Version};
use crate::options::{Identity, Options};
use crate::path::{above, below, check_path, check_sequential};
use crate::session::{self, Answer, Ask, Registration, State};
use crate::transaction::{PartAnswer, Transaction, part_answer};
use crate::watch::{OneShot, WatchMode, Watcher};

/// A session with an ensemble. Clones share it; when the last is dropped, the session is closed.
#[derive(Clone)]
pub struct Client {
    runtime: Runtime,
    life: Arc<Life>,
    asks: mpsc::Sender<Ask>,
    state: watch::Receiver<State>,
    chroot: Arc<str>,
    request_bytes_max: usize,
    answer_bytes_max: usize,
    watch_queue_max: usize,
}

/// What a request costs beside its body.
const HEADER_BYTES: usize = 8;

impl Client {
    /// A new session with the servers of `target` (see [`ConnectString`]), once one of them has taken it up. They are
    /// tried in random order.
    ///
    /// # Errors
    /// When `target` is no connect string, the files for TLS can't be used, no server takes the session up within
    /// [`Options::patience`], all of them fail at TLS, or an identity is refused.
    pub async fn connect(runtime: &Runtime, target: &str, options: Options) -> Result<Self, Error> {
        let parsed = target.parse::<ConnectString>();
        let target = parsed.map_err(|error| Error::connect(Failure::unsent(error.into())))?;
        let chroot = Arc::from(target.chroot.as_str());
        let (request_bytes_max, answer_bytes_max) = (options.request_bytes_max, options.answer_bytes_max);
        let watch_queue_max = options.watch_queue_max;
        let tls = secured_by(runtime, &options).await.map_err(Error::connect)?;
        let handle = session::start(runtime, target, options, tls);
        let ready = handle.ready.await.unwrap_or(Err(Failure::unsent(ErrorKind::Closed)));
        ready.map_err(Error::connect)?;
        Ok(Self {
            runtime: runtime.clone(),
            life: handle.life,
            asks: handle.asks,
            state: handle.state,
            chroot,
            request_bytes_max,
            answer_bytes_max,
            watch_queue_max,
        })
    }

    /// Where the session is now.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Waits until the session is somewhere else than it was when this was last called on this clone.
    pub async fn state_changed(&mut self) -> State {
        // The task that sends it may have ended, with the last state left behind.
        let _ = self.state.changed().await;
        self.state.borrow_and_update().clone()
    }

    /// Creates a znode; gives its path, to which a sequential one's number has been added, and its numbers.
    pub async fn create(
        &self,
        path: &str,
        data: Option<&[u8]>,
        acl: &[Acl],
        mode: CreateMode,
    ) -> Result<(String, Stat), Error> {
        let full = below(&self.chroot, path);
        let acl = acl.iter().map(Acl::on_wire).collect();
        let create = Create { path: &full, data, acl, flags: mode.flags() };
        let request = match (mode, mode.ttl_ms()) {
            (_, Some(ttl_ms)) => Request::CreateTtl(CreateTtl { create, ttl_ms }),
            (CreateMode::Container, None) => Request::CreateContainer(create),
            _ => Request::Create2(create),
        };
        let checked = if mode.is_sequential() { check_sequential(path) } else { check_path(path) };
        checked.map_err(|error| Error::new(request.op(), Some(path), Failure::unsent(error.into())))?;
        let answer = self.ask(path, &request, None).await?;
        match self.body(path, &request, &answer)? {
            ReplyBody::PathStat(created, stat) => Ok((above(&self.chroot, created).to_owned(), stat)),
            _ => Err(nonsense(path, &request, &answer)),
        }
    }

    /// A znode's data and numbers.
    pub async fn get(&self, path: &str) -> Result<Node, Error> {
        self.get_with(path, None).await
    }

    /// The same, and a watch that tells of the next change of its data and of its end.
    pub async fn get_and_watch(&self, path: &str) -> Result<(Node, OneShot), Error> {
        let (sender, receiver) = oneshot::channel();
        let registration = Registration::Data(self.full(path), sender);
        Ok((self.get_with(path, Some(registration)).await?, OneShot(receiver)))
    }

    async fn get_with(&self, path: &str, registration: Option<Registration>) -> Result<Node, Error> {
        let full = self.full(path);
        let request = Request::GetData(PathWatch { path: &full, watch: registration.is_some() });
        let answer = self.ask_about(path, &request, registration).await?;
        match self.body(path, &request, &answer)? {
            ReplyBody::Data(data, stat) => {
                Ok(Node { data: data.map(|data| answer.body.slice_ref(data)), stat })
            }
            _ => Err(nonsense(path, &request, &answer)),
        }
    }

    /// A znode's numbers; `None` if there is no such znode.
    pub async fn exists(&self, path: &str) -> Result<Option<Stat>, Error> {
        self.exists_with(path, None).await
    }

    /// The same, and a watch that tells when it comes to be, changes, or goes.
    pub async fn exists_and_watch(&self, path: &str) -> Result<(Option<Stat>, OneShot), Error> {
        let (sender, receiver) = oneshot::channel();
        let registration = Registration::Exists(self.full(path), sender);
        Ok((self.exists_with(path, Some(registration)).await?, OneShot(receiver)))
    }

    async fn exists_with(
        &self,
        path: &str,
        registration: Option<Registration>,
    ) -> Result<Option<Stat>, Error> {
        let full = self.full(path);
        let request = Request::Exists(PathWatch { path: &full, watch: registration.is_some() });
        match self.ask_about(path, &request, registration).await {
            Ok(answer) => self.stat(path, &request, &answer).map(Some),
            Err(error) if error.kind == ErrorKind::NoNode => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of a znode's children, in no order, and its numbers.
    pub async fn children(&self, path: &str) -> Result<(Vec<String>, Stat), Error> {
        self.children_with(path, None).await
    }

    /// The same, and a watch that tells when a child next comes or goes, and of the znode's end.
    pub async fn children_and_watch(&self, path: &str) -> Result<((Vec<String>, Stat), OneShot), Error> {
        let (sender, receiver) = oneshot::channel();
        let registration = Registration::Child(self.full(path), sender);
        Ok((self.children_with(path, Some(registration)).await?, OneShot(receiver)))
    }

    async fn children_with(
        &self,
        path: &str,
        registration: Option<Registration>,
    ) -> Result<(Vec<String>, Stat), Error> {
        let full = self.full(path);
        let request = Request::GetChildren2(PathWatch { path: &full, watch: registration.is_some() });
        let answer = self.ask_about(path, &request, registration).await?;
        match self.body(path, &request, &answer)? {
            ReplyBody::NamesStat(names, stat) => Ok((names.into_iter().map(str::to_owned).collect(), stat)),
            _ => Err(nonsense(path, &request, &answer)),
        }
    }

    /// Replaces a znode's data, if it has this version.
    pub async fn set(
        &self,
        path: &str,
        data: Option<&[u8]>,
        version: impl Into<Version>,
    ) -> Result<Stat, Error> {
        let full = self.full(path);
        let request = Request::SetData(SetData { path: &full, data, version: version.into().0 });
        let answer = self.ask_about(path, &request, None).await?;
        self.stat(path, &request, &answer)
    }

    /// Deletes a znode without children, if it has this version.
    pub async fn delete(&self, path: &str, version: impl Into<Version>) -> Result<(), Error> {
        let full = self.full(path);
        let request = Request::Delete(PathVersion { path: &full, version: version.into().0 });
        self.ask_about(path, &request, None).await.map(drop)
    }

    /// Who may do what with a znode, and its numbers. Without the ADMIN permission some of it is masked
    /// ([`Acl::is_masked`]).
    pub async fn acl(&self, path: &str) -> Result<(Vec<Acl>, Stat), Error> {
        let full = self.full(path);
        let request = Request::GetAcl(PathOnly { path: &full });
        let answer = self.ask_about(path, &request, None).await?;
        match self.body(path, &request, &answer)? {
            ReplyBody::Acl(acl, stat) => Ok((acl.into_iter().map(Acl::from).collect(), stat)),
            _ => Err(nonsense(path, &request, &answer)),
        }
    }

    /// Replaces who may do what with a znode, if its list has this version ([`Stat::aversion`]).
    pub async fn set_acl(&self, path: &str, acl: &[Acl], version: impl Into<Version>) -> Result<Stat, Error> {
        let full = self.full(path);
        let acl = acl.iter().map(Acl::on_wire).collect();
        let request = Request::SetAcl(SetAcl { path: &full, acl, version: version.into().0 });
        let answer = self.ask_about(path, &request, None).await?;
        self.stat(path, &request, &answer)
    }

    /// Carries out all parts of `transaction`, or none.
    ///
    /// # Errors
    /// When a part fails: then the error is that part's, with its number ([`Error::part`]) and path.
    pub async fn multi(&self, transaction: &Transaction) -> Result<Vec<PartAnswer>, Error> {
        let paths = transaction.full_paths(&self.chroot);
        let request = Request::Multi(transaction.on_wire(&paths));
        let of_all = |failure| Error::new(request.op(), None, failure);
        transaction.check_paths().map_err(|error| of_all(Failure::unsent(error.into())))?;
        let answer = self.send(&request, None).await.map_err(of_all)?;
        let garbage = |what: &str| of_all(Failure::garbage(what, &answer.server));
        let body = ReplyBody::decode(request.op(), &mut Reader::new(&answer.body));
        let ReplyBody::Multi(reply) = body.map_err(|error| garbage(&error.to_string()))? else {
            return Err(garbage("no answer of a transaction"));
        };
        if let Some((part, code)) = culprit(&reply.parts) {
            let failure = Failure { kind: kind_of(code), ..Failure::refused(code, &answer.server) };
            let path = (part < transaction.len()).then(|| transaction.path(part));
            return Err(Error::new(request.op(), path, failure).with_part(part));
        }
        let answers: Option<Vec<PartAnswer>> =
            reply.parts.iter().map(|part| part_answer(&self.chroot, part)).collect();
        answers
            .filter(|answers| answers.len() == transaction.len())
            .ok_or_else(|| garbage("other parts than asked"))
    }

    /// Waits until the server has all that was committed before, so that reads after it see that. Gives the number of
    /// the last transaction that it then had.
    pub async fn sync(&self, path: &str) -> Result<i64, Error> {
        let full = self.full(path);
        let answer = self.ask_about(path, &Request::Sync(PathOnly { path: &full }), None).await?;
        Ok(answer.zxid)
    }

    /// Watches a znode, whether it exists or not, or all of a subtree, until the watcher is dropped.
    pub async fn watch(&self, path: &str, mode: WatchMode) -> Result<Watcher, Error> {
        // One place more, for the word that there was no place.
        let (sender, receiver) = mpsc::channel(self.watch_queue_max.max(1) + 1);
        let full = self.full(path);
        let wire_mode = match mode {
            WatchMode::Node => AddWatchMode::Persistent,
            WatchMode::Recursive => AddWatchMode::PersistentRecursive,
        };
        let request = Request::AddWatch(AddWatch { path: &full, mode: wire_mode });
        let registration = Registration::Persistent(Arc::clone(&full), mode, sender);
        self.ask_about(path, &request, Some(registration)).await?;
        Ok(Watcher(receiver))
    }

    /// Adds an identity to the session, on this and every later connection.
    pub async fn add_identity(&self, identity: Identity) -> Result<(), Error> {
        let auth = Auth { kind: 0, scheme: &identity.scheme, auth: Some(&identity.proof) };
        let request = Request::Auth(auth);
        let sent = self.send_with(&request, None, Some(identity.clone())).await;
        sent.map(drop).map_err(|failure| Error::new(request.op(), None, failure))
    }

    /// Ends the session: its ephemerals are deleted. Done when the server has said so.
    pub async fn close(self) -> Result<(), Error> {
        let closed = self.send(&Request::CloseSession, None).await;
        closed.map(drop).map_err(|failure| Error::new(jute::OpCode::CloseSession, None, failure))
    }

    fn full(&self, path: &str) -> Arc<str> {
        below(&self.chroot, path).into()
    }

    async fn ask_about(
        &self,
        path: &str,
        request: &Request<'_>,
        registration: Option<Registration>,
    ) -> Result<Answer, Error> {
        check_path(path)
            .map_err(|error| Error::new(request.op(), Some(path), Failure::unsent(error.into())))?;
        self.ask(path, request, registration).await
    }

    async fn ask(
        &self,
        path: &str,
        request: &Request<'_>,
        registration: Option<Registration>,
    ) -> Result<Answer, Error> {
        let sent = self.send(request, registration).await;
        sent.map_err(|failure| Error::new(request.op(), Some(path), failure))
    }

    async fn send(
        &self,
        request: &Request<'_>,
        registration: Option<Registration>,
    ) -> Result<Answer, Failure> {
        self.send_with(request, registration, None).await
    }

    async fn send_with(
        &self,
        request: &Request<'_>,
        registration: Option<Registration>,
        identity: Option<Identity>,
    ) -> Result<Answer, Failure> {
        let mut body = BytesMut::new();
        request.encode(&mut body);
        let (bytes, max) = (body.len() + HEADER_BYTES, self.request_bytes_max);
        if bytes > max {
            return Err(Failure::unsent(ErrorKind::TooLarge { bytes, max }));
        }
        let (reply, answer) = oneshot::channel();
        let sent = proves_life(request.op()).then(|| self.runtime.clock.now());
        let ask = Ask { op: request.op(), body: body.freeze(), registration, identity, reply, sent: 0 };
        // Without waiting, so that the order of first polls is the order of requests.
        self.asks.try_send(ask).map_err(|error| match error {
            TrySendError::Full(_) => Failure::unsent(ErrorKind::Overloaded { max: self.asks.max_capacity() }),
            TrySendError::Closed(_) => self.why_over(),
        })?;
        let answer = answer.await.unwrap_or_else(|_| Err(self.why_over()));
        if let (Ok(_), Some(sent)) = (&answer, sent) {
            self.life.on_proof(sent);
        }
        answer
    }

    /// Why nothing can be asked any more.
    fn why_over(&self) -> Failure {
        Failure::unsent(match &*self.state.borrow() {
            State::Over(why) => why.clone(),
            _ => ErrorKind::Closed,
        })
    }

    fn body<'a>(
        &self,
        path: &str,
        request: &Request<'_>,
        answer: &'a Answer,
    ) -> Result<ReplyBody<'a>, Error> {
        ReplyBody::decode(request.op(), &mut Reader::new(&answer.body)).map_err(|error| {
            Error::new(request.op(), Some(path), Failure::garbage(&error.to_string(), &answer.server))
        })
    }

    fn stat(&self, path: &str, request: &Request<'_>, answer: &Answer) -> Result<Stat, Error> {
        match self.body(path, request, answer)? {
            ReplyBody::Stat(stat) => Ok(stat),
            _ => Err(nonsense(path, request, answer)),
        }
    }
}

/// What makes the streams of a client with these options secure.
async fn secured_by(runtime: &Runtime, options: &Options) -> Result<Option<Caller>, Failure> {
    let Some(files) = &options.tls else { return Ok(None) };
    let opened = Caller::open(runtime, files.clone()).await;
    opened.map(Some).map_err(|error| Failure::unsent(ErrorKind::TlsFiles { why: error.to_string().into() }))
}

fn nonsense(path: &str, request: &Request<'_>, answer: &Answer) -> Error {
    Error::new(request.op(), Some(path), Failure::garbage("an answer of another kind", &answer.server))
}

/// The part of a transaction that failed: those before it are told OK, those behind it that they were not tried.
fn culprit(parts: &[PartReply<'_>]) -> Option<(usize, ErrorCode)> {
    let codes = parts.iter().map(|part| match part {
        PartReply::Error(code) => Some(*code),
        _ => None,
    });
    let mut failed = codes.enumerate().filter_map(|(at, code)| Some((at, code?)));
    let first = failed.clone().next();
    failed.find(|(_, code)| *code != ErrorCode::OK && *code != ErrorCode::RUNTIME_INCONSISTENCY).or(first)
}
