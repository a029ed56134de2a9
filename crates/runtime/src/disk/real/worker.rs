//! The thread that writes one file.
//!
//! A write and its sync are the hot path of a node, so they cost one message to a thread that is waiting for it and one
//! wake-up back; tokio's blocking pool would add a shared queue and its lock. The thread starts with the first write
//! and ends when the file was not written for a while, so that files which are only kept to be read cost none.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::direct::Direct;
use crate::BoxFuture;

/// How long a thread waits for the next write before it ends.
const IDLE: Duration = Duration::from_secs(5);
/// How long it waits before it does what is to be done when nothing else is.
const PAUSE: Duration = Duration::from_millis(2);

/// What is given to the thread, and perhaps leaves something to be done when nothing else is.
struct Job {
    work: Work,
    /// What is left of the job before need not be done.
    supersedes: bool,
}

type Work = Box<dyn FnOnce(&mut Output) -> Option<Leftover> + Send>;
type Leftover = Box<dyn FnOnce(&mut Output) + Send>;

/// What the thread writes to. It goes with the thread: files that are only kept to be read cost no buffer either.
pub(super) struct Output {
    pub(super) file: Arc<File>,
    pub(super) direct: Direct,
}

/// Runs what it is given on a thread, in order.
pub(super) struct Worker {
    file: Arc<File>,
    /// `None` while no thread runs. The thread clears it, under the lock, when it ends.
    jobs: Arc<Mutex<Option<Sender<Job>>>>,
}

impl Worker {
    pub(super) fn new(file: Arc<File>) -> Self {
        Self { file, jobs: Arc::default() }
    }

    /// Runs `work` after everything given before. It runs to its end even if the returned future is dropped.
    pub(super) fn run(
        &self,
        work: impl FnOnce(&mut Output) -> io::Result<()> + Send + 'static,
    ) -> BoxFuture<'static, io::Result<()>> {
        self.give(false, move |output| (work(output), None))
    }

    /// As [`Worker::run`]; then, unless the result is an error, `later`, when nothing was given for a moment. If the next that is
    /// given is given by this method too, not at all.
    pub(super) fn run_and_when_idle(
        &self,
        work: impl FnOnce(&mut Output) -> io::Result<()> + Send + 'static,
        later: impl FnOnce(&mut Output) + Send + 'static,
    ) -> BoxFuture<'static, io::Result<()>> {
        self.give(true, move |output| {
            let result = work(output);
            let leftover = result.is_ok().then(|| Box::new(later) as Leftover);
            (result, leftover)
        })
    }

    fn give(
        &self,
        supersedes: bool,
        work: impl FnOnce(&mut Output) -> (io::Result<()>, Option<Leftover>) + Send + 'static,
    ) -> BoxFuture<'static, io::Result<()>> {
        let (sender, receiver) = oneshot::channel();
        let work = Box::new(move |output: &mut Output| {
            let (result, leftover) = work(output);
            // The receiver is gone when the caller was cancelled: nobody wants the result.
            let _ = sender.send(result);
            leftover
        });
        let started = self.send(Job { work, supersedes });
        Box::pin(async move {
            started?;
            receiver
                .await
                .unwrap_or_else(|_| Err(io::Error::other("the thread that writes the file panicked")))
        })
    }

    fn send(&self, job: Job) -> io::Result<()> {
        let mut jobs = self.jobs.lock();
        if let Some(sender) = jobs.as_ref() {
            match sender.send(job) {
                Ok(()) => return Ok(()),
                // The thread panicked.
                Err(mpsc::SendError(job)) => *jobs = Some(self.start(job)?),
            }
        } else {
            *jobs = Some(self.start(job)?);
        }
        Ok(())
    }

    /// Starts the thread with its first job.
    fn start(&self, job: Job) -> io::Result<Sender<Job>> {
        // Not bounded: each waiting job is one call whose caller waits for it.
        let (sender, receiver) = mpsc::channel();
        sender.send(job).expect("the receiver is held here");
        let output = Output { file: Arc::clone(&self.file), direct: Direct::default() };
        let jobs = Arc::clone(&self.jobs);
        std::thread::Builder::new()
            .name("disk".into())
            .stack_size(256 << 10)
            .spawn(move || work_until_idle(output, &receiver, &jobs))?;
        Ok(sender)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Without its sender the thread ends after the jobs that it has.
        self.jobs.lock().take();
    }
}

fn work_until_idle(mut output: Output, receiver: &Receiver<Job>, jobs: &Mutex<Option<Sender<Job>>>) {
    let mut leftover = None;
    loop {
        let patience = if leftover.is_some() { PAUSE } else { IDLE };
        match receiver.recv_timeout(patience) {
            Ok(job) => leftover = work_on(&mut output, job, leftover),
            Err(RecvTimeoutError::Disconnected) => return finish(&mut output, leftover),
            Err(RecvTimeoutError::Timeout) if leftover.is_some() => finish(&mut output, leftover.take()),
            Err(RecvTimeoutError::Timeout) => {
                let mut jobs = jobs.lock();
                // A job may have come between the timeout and the lock.
                match receiver.try_recv() {
                    Ok(job) => {
                        drop(jobs);
                        leftover = work_on(&mut output, job, None);
                    }
                    Err(TryRecvError::Disconnected) => return,
                    Err(TryRecvError::Empty) => {
                        *jobs = None;
                        return;
                    }
                }
            }
        }
    }
}

fn work_on(output: &mut Output, job: Job, leftover: Option<Leftover>) -> Option<Leftover> {
    if !job.supersedes {
        finish(output, leftover);
    }
    (job.work)(output)
}

fn finish(output: &mut Output, leftover: Option<Leftover>) {
    if let Some(leftover) = leftover {
        leftover(output);
    }
}
