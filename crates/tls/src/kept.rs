//! What was made of some files, made again when they change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::RwLock;
use runtime::Runtime;
use tracing::{error, info};

use crate::{TlsError, files};

/// How often the files are read. A change is taken up when it was seen twice: files are replaced one after another.
const LOOK_EVERY: Duration = Duration::from_secs(2);

type Make<T> = Box<dyn Fn(&[Bytes]) -> Result<T, TlsError> + Send + Sync>;

/// The newest that could be made of the files.
pub(crate) struct Kept<T> {
    current: RwLock<Arc<T>>,
    paths: Vec<PathBuf>,
    make: Make<T>,
}

impl<T> Kept<T> {
    /// Reads the files and makes it. The second value is what [`Kept::follow`] begins with.
    pub(crate) async fn open(
        runtime: &Runtime,
        paths: Vec<PathBuf>,
        make: Make<T>,
    ) -> Result<(Arc<Self>, Followed), TlsError> {
        let used = files::read(&*runtime.disk, &paths).await?;
        let current = RwLock::new(Arc::new(make(&used)?));
        Ok((Arc::new(Self { current, paths, make }), Followed { used, seen: None, refused: None }))
    }

    pub(crate) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read())
    }

    /// Looks at the files for ever. What can't be read or used changes nothing, and is told once.
    pub(crate) async fn follow(self: Arc<Self>, runtime: Runtime, mut state: Followed) {
        loop {
            runtime.clock.sleep(LOOK_EVERY).await;
            match files::read(&*runtime.disk, &self.paths).await {
                Ok(contents) => self.look(contents, &mut state),
                Err(why) => state.refuse(Vec::new(), &why),
            }
        }
    }

    fn look(&self, contents: Vec<Bytes>, state: &mut Followed) {
        if contents == state.used {
            (state.seen, state.refused) = (None, None);
            return;
        }
        if state.seen.as_ref() != Some(&contents) {
            state.seen = Some(contents);
            return;
        }
        if state.refused.as_ref() == Some(&contents) {
            return;
        }
        match (self.make)(&contents) {
            Ok(made) => {
                *self.current.write() = Arc::new(made);
                info!(files = ?self.paths, "certificates have changed; new connections use the new ones");
                *state = Followed { used: contents, seen: None, refused: None };
            }
            Err(why) => state.refuse(contents, &why),
        }
    }
}

/// What the files held when they were looked at.
pub(crate) struct Followed {
    /// What the current value was made of.
    used: Vec<Bytes>,
    /// Something else, seen at the last look.
    seen: Option<Vec<Bytes>>,
    /// Nothing could be made of it. Empty: the files could not be read.
    refused: Option<Vec<Bytes>>,
}

impl Followed {
    fn refuse(&mut self, contents: Vec<Bytes>, why: &TlsError) {
        if self.refused.as_ref() != Some(&contents) {
            error!(%why, "the new certificates can't be used; going on with those from before");
            self.refused = Some(contents);
        }
    }
}
