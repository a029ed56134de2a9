//! Takes out of a queue whatever is left in the end.

use std::rc::Rc;
use std::time::Duration;

use amqp_client::{Connection, ConsumeOptions, Error, QueueOptions};

use super::super::history::Kind;
use super::consumer::read;
use super::line::Line;
use super::{Manner, World};

const PREFETCH: u16 = 50;
/// A queue that says that it is empty and brings nothing for so long is.
const QUIET: Duration = Duration::from_millis(500);

/// Empties a queue, when nobody else uses it any more.
pub async fn drain(world: World, manner: Manner, queue: usize) {
    let mut line = Line::new(world, manner);
    loop {
        let Some((node, connection)) = line.connect().await else { continue };
        match empty(&mut line, queue, node, &connection).await {
            Ok(()) => return line.world.orders.report_drained(),
            Err(error) => line.on_lost(&error).await,
        }
    }
}

async fn empty(line: &mut Line, queue: usize, node: u64, connection: &Connection) -> Result<(), Error> {
    let World { runtime, history, layout, .. } = &line.world;
    let channel = connection.channel().await?;
    channel.qos(PREFETCH).await?;
    let name = format!("{}.{}", line.manner.name, line.count);
    let session = history.borrow_mut().begin_session(name, queue, node, PREFETCH);
    let mut deliveries = channel.consume(layout.name(queue), "d", &ConsumeOptions::default()).await?;
    let looking = connection.channel().await?;
    loop {
        match runtime.clock.timeout(QUIET, deliveries.next()).await {
            Ok(given) => {
                let given = given?;
                if let Some(delivery) = read(&given).map(Rc::new) {
                    history.borrow_mut().note_event(session, Kind::Delivered, &delivery);
                    history.borrow_mut().note_event(session, Kind::Acked, &delivery);
                }
                channel.ack(given.tag, false)?;
            }
            Err(_) => {
                let passive = QueueOptions { passive: true, ..QueueOptions::default() };
                let declared = looking.declare_queue(layout.name(queue), &passive).await?;
                if declared.messages == 0 {
                    channel.cancel("d").await?;
                    return channel.close().await;
                }
            }
        }
    }
}
