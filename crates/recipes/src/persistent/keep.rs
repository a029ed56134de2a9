//! The task that keeps a znode there, from session to session.

use std::sync::Arc;

use client::{AnyVersion, Client, CreateMode, Error, ErrorKind, Event, OneShot, Sessions, Stat, Transaction};
use runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Options, Rival, Status};
use crate::trouble::{Patience, is_over, may_pass};
use crate::{parents, paths, unique};

/// What the owner wants.
pub(super) enum Wish {
    Set(Arc<[u8]>, oneshot::Sender<Result<(), Error>>),
    Close(oneshot::Sender<Result<(), Error>>),
}

pub(super) struct Keeper {
    sessions: Sessions,
    /// Where it is made; for a numbered one, what its path begins with.
    path: String,
    /// What the name of a numbered one begins with.
    protection: Option<String>,
    data: Arc<[u8]>,
    options: Options,
    wishes: mpsc::Receiver<Wish>,
    /// Data was wished for that the znode may not have yet.
    unset: Vec<oneshot::Sender<Result<(), Error>>>,
    status: watch::Sender<Status>,
}

/// Why keeping came to a point.
enum Turn {
    /// See to it that it is there.
    Again,
    /// The owner wants it no more.
    Close(oneshot::Sender<Result<(), Error>>),
}

impl Keeper {
    pub(super) fn new(
        sessions: Sessions,
        runtime: &Runtime,
        path: &str,
        data: &[u8],
        options: Options,
        wishes: mpsc::Receiver<Wish>,
        status: watch::Sender<Status>,
    ) -> Result<Self, Error> {
        let protection = is_numbered(options.mode).then(|| unique::protection(&*runtime.entropy));
        let path = match (&protection, paths::parent(path)) {
            (Some(protection), Some(parent)) => {
                paths::child(parent, &format!("{protection}{}", paths::name(path)))
            }
            _ => path.to_owned(),
        };
        Ok(Self { sessions, path, protection, data: data.into(), options, wishes, unset: Vec::new(), status })
    }

    pub(super) async fn run(mut self, mut client: Client) {
        let failure = loop {
            match self.keep(&client).await {
                Ok(done) => {
                    self.status.send_replace(Status::Absent);
                    // Who asked for it may have gone.
                    let _ = done.send(Ok(()));
                    return;
                }
                Err(error) if is_over(&error) => match self.sessions.after(&client).await {
                    Ok(next) => client = next,
                    Err(error) => break error,
                },
                Err(error) => break error,
            }
            self.status.send_replace(Status::Absent);
        };
        self.status.send_replace(Status::Failed(failure));
    }

    /// Keeps it there in one session, until the session ends or the owner wants no more.
    async fn keep(&mut self, client: &Client) -> Result<oneshot::Sender<Result<(), Error>>, Error> {
        let mut patience = Patience::default();
        let mut may_replace = self.options.rival == Rival::Replace;
        loop {
            let turn = match self.turn(client, &mut may_replace).await {
                Ok(turn) => {
                    patience.renew();
                    turn
                }
                Err(error) if !is_over(&error) && may_pass(&error) => {
                    tracing::debug!(path = %self.path, %error, "kept znode is tried again");
                    patience.pause(client).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Turn::Close(done) = turn {
                self.remove(client, &mut patience).await?;
                return Ok(done);
            }
        }
    }

    async fn turn(&mut self, client: &Client, may_replace: &mut bool) -> Result<Turn, Error> {
        let Some((path, stat, watch)) = self.find(client).await? else {
            self.status.send_replace(Status::Absent);
            return self.create(client).await.map(|()| Turn::Again);
        };
        if self.is_of_another(client, &stat) {
            self.status.send_replace(Status::Absent);
            if std::mem::take(may_replace) {
                self.replace(client, &path, &stat).await?;
                return Ok(Turn::Again);
            }
            return self.wait(watch).await;
        }
        *may_replace = false;
        self.bring(client, &path).await?;
        self.status.send_if_modified(|status| {
            let was_there = matches!(status, Status::There(there) if **there == *path);
            *status = Status::There(path.as_str().into());
            !was_there
        });
        self.wait(watch).await
    }

    /// Ours, or what is in its place, and a watch on it.
    async fn find(&self, client: &Client) -> Result<Option<(String, Stat, OneShot)>, Error> {
        let path = match &self.protection {
            None => self.path.clone(),
            Some(protection) => match find_protected(client, &self.path, protection).await? {
                Some(path) => path,
                None => return Ok(None),
            },
        };
        let (stat, watch) = client.exists_and_watch(&path).await?;
        Ok(stat.map(|stat| (path, stat, watch)))
    }

    async fn create(&mut self, client: &Client) -> Result<(), Error> {
        let (data, acl) = (Arc::clone(&self.data), &self.options.acl);
        match client.create(&self.path, Some(&data), acl, self.options.mode).await {
            Ok(_) => {
                self.is_set();
                Ok(())
            }
            Err(error) if error.kind == ErrorKind::NodeExists => Ok(()),
            Err(error) if error.kind == ErrorKind::NoNode => {
                parents::ensure_above(client, &self.path, self.options.kind_of_parents(), acl).await
            }
            Err(error) => Err(error),
        }
    }

    /// In one step, so that whoever keeps the other can't make it again in between.
    async fn replace(&mut self, client: &Client, path: &str, stat: &Stat) -> Result<(), Error> {
        let (data, acl) = (Arc::clone(&self.data), &self.options.acl);
        let mut step = Transaction::new();
        step.delete(path, stat.version).create(path, Some(&data), acl, self.options.mode);
        ignore_absent(client.multi(&step).await.map(drop))
    }

    /// Writes data that was wished for since the znode was made, unless it has it.
    async fn bring(&mut self, client: &Client, path: &str) -> Result<(), Error> {
        if self.unset.is_empty() {
            return Ok(());
        }
        let node = match client.get(path).await {
            // The watch tells of it.
            Err(error) if error.kind == ErrorKind::NoNode => return Ok(()),
            node => node?,
        };
        if node.data.as_deref().unwrap_or_default() != &*self.data {
            match client.set(path, Some(&self.data), AnyVersion).await {
                Err(error) if error.kind == ErrorKind::NoNode => return Ok(()),
                set => set.map(drop)?,
            }
        }
        self.is_set();
        Ok(())
    }

    fn is_set(&mut self) {
        for done in self.unset.drain(..) {
            let _ = done.send(Ok(()));
        }
    }

    /// Waits for something to happen to it, or for a wish.
    async fn wait(&mut self, watch: OneShot) -> Result<Turn, Error> {
        tokio::select! {
            biased;
            wish = self.wishes.recv() => match wish {
                Some(Wish::Set(data, done)) => {
                    self.data = data;
                    self.unset.push(done);
                    Ok(Turn::Again)
                }
                Some(Wish::Close(done)) => Ok(Turn::Close(done)),
                // The owner has gone, and ends this task.
                None => std::future::pending().await,
            },
            event = watch.fired() => {
                let _: Option<Event> = event;
                Ok(Turn::Again)
            }
        }
    }

    /// Deletes it, if it is ours.
    async fn remove(&mut self, client: &Client, patience: &mut Patience) -> Result<(), Error> {
        loop {
            let removed = match self.find(client).await {
                Ok(None) => return Ok(()),
                Ok(Some((_, stat, _))) if self.is_of_another(client, &stat) => return Ok(()),
                Ok(Some((path, ..))) => ignore_absent(client.delete(&path, AnyVersion).await),
                Err(error) => Err(error),
            };
            match removed {
                Err(error) if !is_over(&error) && may_pass(&error) => patience.pause(client).await,
                // An ephemeral went with the session.
                Err(error) if is_over(&error) && is_ephemeral(self.options.mode) => return Ok(()),
                other => return other,
            }
        }
    }

    fn is_of_another(&self, client: &Client, stat: &Stat) -> bool {
        is_ephemeral(self.options.mode) && stat.ephemeral_owner != client.session()
    }
}

/// The path of the child that was made under this protection, if it was, as the leader has it: the server may not have seen yet
/// what this session did on another.
async fn find_protected(client: &Client, path: &str, protection: &str) -> Result<Option<String>, Error> {
    let parent = paths::parent(path).unwrap_or("/");
    client.sync(parent).await?;
    match client.children(parent).await {
        Ok((names, _)) => {
            let ours = names.into_iter().find(|name| name.starts_with(protection));
            Ok(ours.map(|name| paths::child(parent, &name)))
        }
        Err(error) if error.kind == ErrorKind::NoNode => Ok(None),
        Err(error) => Err(error),
    }
}

fn ignore_absent(done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(error) if matches!(error.kind, ErrorKind::NoNode | ErrorKind::BadVersion) => Ok(()),
        other => other,
    }
}

fn is_numbered(mode: CreateMode) -> bool {
    use CreateMode::{EphemeralSequential, PersistentSequential, TtlSequential};
    matches!(mode, PersistentSequential | EphemeralSequential | TtlSequential(_))
}

fn is_ephemeral(mode: CreateMode) -> bool {
    matches!(mode, CreateMode::Ephemeral | CreateMode::EphemeralSequential)
}
