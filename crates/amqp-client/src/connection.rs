//! A connection, as the application has it.

use std::sync::Arc;

use amqp091::{ChannelId, Method, connection};
use bytes::BytesMut;
use runtime::{BoxStream, Pool, Runtime, Task};
use tokio::sync::oneshot;

use crate::answers;
use crate::channel::Channel;
use crate::driver::Driver;
use crate::error::{Error, ErrorKind};
use crate::handshake;
use crate::options::Options;
use crate::shared::{Call, Shared};

/// An open connection. When it is dropped, the socket is closed at once, and its channels are over.
#[derive(Debug)]
pub struct Connection {
    shared: Arc<Shared>,
    _driver: Driving,
}

/// The driver's task. What it left undone is told to everybody when it is aborted.
struct Driving {
    shared: Arc<Shared>,
    task: Option<Task>,
}

impl std::fmt::Debug for Driving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Driving")
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        self.task = None;
        self.shared.end(&ErrorKind::Closed);
    }
}

impl Connection {
    /// Connects to `address`, `HOST:PORT`, and opens the virtual host. A task of its own drives the connection.
    ///
    /// # Errors
    /// When nobody answers there in time, or the server refuses.
    pub async fn open(runtime: &Runtime, address: &str, options: &Options) -> Result<Self, Error> {
        let not_connected =
            |why: String| Error::none(ErrorKind::NotConnected { address: address.into(), why: why.into() });
        let (clock, patience) = (&runtime.clock, options.connect_timeout);
        let started = clock.now();
        let connected = clock.timeout(patience, runtime.network.connect(address)).await;
        let stream = connected
            .map_err(|_| not_connected(format!("it did not answer within {patience:?}")))?
            .map_err(|error| not_connected(error.to_string()))?;
        let left = patience.saturating_sub(clock.now().saturating_since(started));
        let opened = clock.timeout(left, Self::over(runtime, stream, options)).await;
        opened.map_err(|_| not_connected(format!("it did not open within {patience:?}")))?
    }

    /// Opens the virtual host over a stream that is connected, and secured if it shall be. The caller sets the deadline.
    ///
    /// # Errors
    /// When the server refuses, or the stream ends.
    pub async fn over(runtime: &Runtime, stream: BoxStream, options: &Options) -> Result<Self, Error> {
        let (mut stream, mut input) = (stream, BytesMut::new());
        let tuned = handshake::open(&mut stream, &mut input, options).await.map_err(Error::none)?;
        let shared = Arc::new(Shared::new(tuned, options));
        let driver = Driver::new(Arc::clone(&shared), stream, input, runtime.clock.clone());
        let task = runtime.spawn(Pool::Clients, driver.run());
        let driving = Driving { shared: Arc::clone(&shared), task: Some(task) };
        Ok(Self { shared, _driver: driving })
    }

    /// Opens a channel.
    ///
    /// # Errors
    /// When the connection is over, or has as many channels as it may.
    pub async fn channel(&self) -> Result<Channel, Error> {
        let (answer, answered) = oneshot::channel();
        let call = Call { method: answers::CHANNEL_OPEN, answers: answers::CHANNEL_OPEN_OK, answer };
        let (number, life) = self.shared.open_channel(call)?;
        let channel = Channel::new(Arc::clone(&self.shared), number, life);
        answered.await.unwrap_or(Err(Error::unknown(ErrorKind::Closed)))?;
        Ok(channel)
    }

    /// Why the server takes no messages for now, if so.
    pub fn blocked(&self) -> Option<Arc<str>> {
        self.shared.state.lock().blocked.clone()
    }

    /// Completes when the connection is over, and says why.
    pub async fn over_because(&self) -> ErrorKind {
        let mut over = self.shared.over.subscribe();
        let over = over.wait_for(Option::is_some).await.expect("this connection has the sender");
        over.clone().expect("it was waited for")
    }

    /// Says goodbye. What was published before is with the server when this completes, confirmed or not.
    ///
    /// # Errors
    /// When the connection was over before.
    pub async fn close(self) -> Result<(), Error> {
        {
            let mut state = self.shared.state.lock();
            if let Some(why) = &state.ending {
                return Err(Error::none(why.clone()));
            }
            state.end(&ErrorKind::Closed);
            let close = connection::Close { reply_code: 200, ..connection::Close::default() };
            Method::from(close).put_frame(ChannelId::CONNECTION, &mut state.output);
        }
        self.shared.room.notify_waiters();
        self.shared.driver.wake();
        self.over_because().await;
        Ok(())
    }
}
