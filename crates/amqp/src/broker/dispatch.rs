//! From commands to what does them.

use amqp091::{ChannelId, Command, Method, access, channel, confirm};

use super::Session;
use crate::channel::{ChannelRef, Confirms, Mode, Waiting};
use crate::fault::Fault;
use crate::output::Output;

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is done, or nobody waits for it.
    Done,
    /// Its answer will come later; the channel waits for it.
    Busy,
}

impl Session {
    pub(super) fn handle_command(&mut self, id: ChannelId, command: Command, out: &mut Output) {
        let Some(channel) = self.channels.get_mut(usize::from(id.0)).and_then(Option::as_deref_mut) else {
            return;
        };
        if channel.busy {
            let waiting = Waiting::Command(command);
            self.backlog_bytes += weight(&waiting);
            channel.backlog.push_back(waiting);
            return;
        }
        let at = channel.at;
        self.run(at, command, out);
    }

    pub(super) fn handle_ending(&mut self, id: ChannelId, out: &mut Output) {
        let Some(channel) = self.channels.get_mut(usize::from(id.0)).and_then(Option::as_deref_mut) else {
            self.connection.end_channel(id, out);
            return;
        };
        if channel.busy {
            channel.backlog.push_back(Waiting::Ending);
            self.backlog_bytes += weight(&Waiting::Ending);
        } else {
            self.drop_channel(id, id, out);
        }
    }

    fn run(&mut self, at: ChannelRef, command: Command, out: &mut Output) {
        let method = command.method.id;
        match self.execute(at, command, out) {
            Ok(Progress::Done) => {}
            Ok(Progress::Busy) => {
                if let Some(channel) = self.channel(at) {
                    channel.busy = true;
                }
            }
            Err(fault) => self.fail(at.id, fault.of_default(method), out),
        }
    }

    /// The channel has its answer; what waited behind it goes on.
    pub(super) fn resume(&mut self, at: ChannelRef, out: &mut Output) {
        if let Some(channel) = self.channel(at) {
            channel.busy = false;
        }
        while let Some(channel) = self.channel(at).filter(|channel| !channel.busy) {
            let Some(waiting) = channel.backlog.pop_front() else { return };
            self.backlog_bytes -= weight(&waiting);
            match waiting {
                Waiting::Command(command) => self.run(at, command, out),
                Waiting::Ending => self.drop_channel(at.id, at.id, out),
            }
        }
    }

    fn execute(&mut self, at: ChannelRef, command: Command, out: &mut Output) -> Result<Progress, Fault> {
        let Command { method, content } = command;
        match method.decode()? {
            Method::BasicPublish(publish) => {
                let content = content.expect("the assembler waits for the content of basic.publish");
                self.publish(at, &publish, content, out)?;
            }
            Method::BasicAck(ack) => self.ack(at, ack.delivery_tag, ack.multiple)?,
            Method::BasicNack(nack) => self.nack(at, &nack)?,
            Method::BasicReject(reject) => self.reject(at, reject)?,
            Method::BasicConsume(consume) => return self.consume(at, &consume, out),
            Method::BasicCancel(cancel) => return Ok(self.cancel(at, &cancel, out)),
            Method::BasicGet(get) => return self.get(at, &get),
            Method::BasicQos(qos) => self.qos(at, qos, out)?,
            Method::BasicRecover(recover) => {
                self.recover(at, recover.requeue)?;
                self.answer(at, amqp091::basic::RecoverOk {}, out);
            }
            Method::BasicRecoverAsync(recover) => self.recover(at, recover.requeue)?,
            // Clients answer the server's basic.cancel although it wants none.
            Method::BasicCancelOk(_) | Method::ChannelFlowOk(_) => {}
            Method::ConfirmSelect(select) => self.select_confirms(at, select, out)?,
            Method::TxSelect(_) => self.select_transactions(at, out)?,
            Method::TxCommit(_) => return self.commit(at, out),
            Method::TxRollback(_) => self.roll_back(at, out)?,
            Method::ChannelFlow(flow) if flow.active => {
                self.answer(at, channel::FlowOk { active: true }, out)
            }
            Method::ChannelFlow(_) => return Err(Fault::not_implemented("active=false")),
            Method::AccessRequest(_) => self.answer(at, access::RequestOk { ticket: 1 }, out),
            other => return self.start_job(at, other, out),
        }
        Ok(Progress::Done)
    }

    fn select_confirms(
        &mut self,
        at: ChannelRef,
        select: confirm::Select,
        out: &mut Output,
    ) -> Result<(), Fault> {
        if let Some(channel) = self.channel(at) {
            match channel.mode {
                Mode::Plain => channel.mode = Mode::Confirming(Confirms::default()),
                Mode::Confirming(_) => {}
                Mode::Transacting(_) => {
                    return Err(Fault::precondition_failed("cannot switch from tx to confirm mode"));
                }
            }
        }
        if !select.nowait {
            self.answer(at, confirm::SelectOk {}, out);
        }
        Ok(())
    }
}

/// What a small command counts that waits: it keeps the buffer alive that it was read into.
const WAITING_BYTES: usize = 8 << 10;

/// Bytes that a command takes while it waits.
pub(super) fn weight(waiting: &Waiting) -> usize {
    match waiting {
        Waiting::Command(Command { content: Some(content), .. }) => {
            WAITING_BYTES.saturating_add(super::publish::weight(content))
        }
        Waiting::Command(_) | Waiting::Ending => WAITING_BYTES,
    }
}
