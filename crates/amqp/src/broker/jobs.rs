//! Methods that change the catalog: they take as long as that takes, and other channels go on.

use std::task::Poll;

use amqp091::{Method, MethodId};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use runtime::BoxFuture;

use super::Session;
use super::declare::Answer;
use super::desk::{Call, Desk};
use super::outbound::{Origin, Then};
use crate::channel::ChannelRef;
use crate::fault::Fault;
use crate::output::Output;

/// A job that is done.
pub(super) enum Finished {
    /// A method's.
    Method { at: ChannelRef, method: MethodId, result: Result<Answer, Fault> },
    /// That of a queue that goes with its last user.
    Deletion(Then),
}

/// Lets jobs go on, and completes when one is done, which it leaves to be taken, or has something to ask a shard.
pub(super) async fn wait(jobs: &mut Jobs, desk: &Desk) {
    std::future::poll_fn(|context| {
        if let Poll::Ready(Some(finished)) = jobs.running.poll_next_unpin(context) {
            jobs.finished.push(finished);
            return Poll::Ready(());
        }
        if desk.calls.lock().is_empty() { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

/// Jobs of a connection.
#[derive(Default)]
pub(super) struct Jobs {
    running: FuturesUnordered<BoxFuture<'static, Finished>>,
    finished: Vec<Finished>,
}

impl Jobs {
    pub(super) fn push(&mut self, job: BoxFuture<'static, Finished>) {
        self.running.push(job);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty() && self.finished.is_empty()
    }
}

impl Session {
    /// Lets jobs go on as far as they come, and answers for those that are done.
    pub(crate) async fn work_on_jobs(&mut self, out: &mut Output) {
        let jobs = &mut self.jobs;
        let mut finished = std::mem::take(&mut jobs.finished);
        std::future::poll_fn(|context| {
            while let Poll::Ready(Some(done)) = jobs.running.poll_next_unpin(context) {
                finished.push(done);
            }
            Poll::Ready(())
        })
        .await;
        for done in finished {
            self.finish(done, out);
        }
        self.submit_calls();
    }

    fn finish(&mut self, done: Finished, out: &mut Output) {
        match done {
            Finished::Deletion(then) => self.go_on(then, out),
            Finished::Method { at, method, result } => {
                // What was made is there for the next, also if its channel is not.
                if let Ok((topology, vhost)) = self.desk.look() {
                    (self.topology, self.vhost) = (topology, vhost);
                }
                match result {
                    Ok(answer) => self.handle_answer(at, answer, out),
                    Err(fault) if self.channel(at).is_some() => {
                        self.fail(at.id, fault.of_default(method), out)
                    }
                    Err(_) => {}
                }
                self.resume(at, out);
            }
        }
    }

    /// Hands over what jobs want to ask shards.
    pub(super) fn submit_calls(&mut self) {
        let calls = std::mem::take(&mut *self.desk.calls.lock());
        if !calls.is_empty() {
            self.flush_settlements();
        }
        for Call { shard, op, answer } in calls {
            self.outbound.push(shard, op, Origin::Call(answer));
        }
    }

    /// Starts a job for a method. The channel waits for it.
    pub(super) fn start_method(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        job: impl Future<Output = Result<Answer, Fault>> + Send + 'static,
    ) {
        let method = method.id();
        self.jobs.push(Box::pin(async move { Finished::Method { at, method, result: job.await } }));
    }
}
