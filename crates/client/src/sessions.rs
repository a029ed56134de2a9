//! One session after another, for what outlives sessions.

use std::sync::Arc;
use std::time::Duration;

use runtime::{Pool, Runtime, Task};
use tokio::sync::watch;

use crate::api::Client;
use crate::error::{Error, Failure};
use crate::options::Options;

/// Keeps a session: when one is over, the next is begun. Clones share it; when the last is dropped, so is the session, which
/// ends once nobody has a [`Client`] of it any more.
///
/// A new session knows nothing of the one before: ephemerals and watches are to be made again, and by then others may have
/// got what was held by them. [`Sessions::after`] is where to wait for that.
#[derive(Clone)]
pub struct Sessions {
    present: watch::Receiver<Present>,
    /// Tells the keeper to end.
    closing: Arc<watch::Sender<bool>>,
    /// Ends with the last clone.
    _keeper: Arc<Task>,
    runtime: Runtime,
}

/// What there is now.
#[derive(Clone, Debug)]
enum Present {
    /// This one; it may be over, and the next on its way.
    Session(Client),
    /// There will be none.
    Closed,
}

/// Between two attempts to begin a session, beside what [`Client::connect`] waits for.
const PAUSE: Duration = Duration::from_secs(1);

impl Sessions {
    /// Begins the first session, as [`Client::connect`] does.
    ///
    /// # Errors
    /// As [`Client::connect`]. Later sessions are begun anew until it works.
    pub async fn open(runtime: &Runtime, target: &str, options: Options) -> Result<Self, Error> {
        let first = Client::connect(runtime, target, options.clone()).await?;
        let (present, seen) = watch::channel(Present::Session(first.clone()));
        let (closing, is_closing) = watch::channel(false);
        let keeper = Keeper { runtime: runtime.clone(), target: target.to_owned(), options, present };
        let keeper = Arc::new(runtime.spawn(Pool::Clients, keeper.run(first, is_closing)));
        Ok(Self { present: seen, closing: Arc::new(closing), _keeper: keeper, runtime: runtime.clone() })
    }

    /// The world that the sessions are in.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The present session, once there is one that is not over.
    ///
    /// # Errors
    /// When these sessions were closed.
    pub async fn client(&self) -> Result<Client, Error> {
        self.find(|client| !client.is_over()).await
    }

    /// A session that is not over and not that of `old`, once there is one.
    ///
    /// # Errors
    /// When these sessions were closed.
    pub async fn after(&self, old: &Client) -> Result<Client, Error> {
        let old = old.session();
        self.find(|client| client.session() != old && !client.is_over()).await
    }

    async fn find(&self, is_it: impl Fn(&Client) -> bool) -> Result<Client, Error> {
        let mut present = self.present.clone();
        let found = present.wait_for(|present| match present {
            Present::Session(client) => is_it(client),
            Present::Closed => true,
        });
        match found.await.as_deref() {
            Ok(Present::Session(client)) => Ok(client.clone()),
            _ => Err(Error::connect(Failure::unsent(crate::ErrorKind::Closed))),
        }
    }

    /// Ends the present session, whoever still uses it, and begins no other. Done when the server has said so.
    ///
    /// # Errors
    /// When the session could not be closed: then it expires.
    pub async fn close(self) -> Result<(), Error> {
        let present = self.present.borrow().clone();
        self.closing.send_replace(true);
        match present {
            Present::Session(client) if !client.is_over() => client.close().await,
            _ => Ok(()),
        }
    }
}

struct Keeper {
    runtime: Runtime,
    target: String,
    options: Options,
    present: watch::Sender<Present>,
}

impl Keeper {
    async fn run(self, mut client: Client, mut closing: watch::Receiver<bool>) {
        loop {
            let next = async {
                let why = client.over().await;
                tracing::info!(session = %format_args!("{:#x}", client.session()), %why, "session over, the next is begun");
                self.begin().await
            };
            tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => break,
                next = next => client = next,
            }
            self.present.send_replace(Present::Session(client.clone()));
        }
        self.present.send_replace(Present::Closed);
    }

    async fn begin(&self) -> Client {
        loop {
            match Client::connect(&self.runtime, &self.target, self.options.clone()).await {
                Ok(client) => return client,
                Err(error) => tracing::warn!(%error, "no session"),
            }
            self.runtime.clock.sleep(PAUSE).await;
        }
    }
}
