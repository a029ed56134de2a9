//! Declares all queues and exchanges of a run.

use amqp_client::{Connection, Error, ExchangeOptions, QueueOptions, Table, TableBuf};

use super::layout::{GRAVES, SPREAD};
use super::line::Line;
use super::{Layout, Manner, Place, World};

/// Declares everything, on one node after another until it has succeeded.
pub async fn set_up(world: World, manner: Manner) {
    let mut line = Line::new(world, manner);
    loop {
        let Some((_, connection)) = line.connect().await else { continue };
        match declare(&connection, &line.world.layout).await {
            Ok(()) => return line.world.orders.report_declared(),
            Err(error) => line.on_lost(&error).await,
        }
    }
}

async fn declare(connection: &Connection, layout: &Layout) -> Result<(), Error> {
    let channel = connection.channel().await?;
    let durable = ExchangeOptions { durable: true, ..ExchangeOptions::default() };
    channel.declare_exchange(SPREAD, "x-consistent-hash", &durable).await?;
    channel.declare_exchange(GRAVES, "fanout", &durable).await?;
    for (queue, (place, name)) in layout.queues.iter().enumerate() {
        let arguments = match place {
            Place::Plain | Place::Spread | Place::Dead => TableBuf::new(),
            Place::Single => TableBuf::new().with("x-single-active-consumer", true),
            Place::Mortal => TableBuf::new()
                .with("x-dead-letter-exchange", GRAVES)
                .with("x-delivery-limit", layout.delivery_limit),
        };
        channel.declare_queue(name, &QueueOptions::durable().with(arguments)).await?;
        match place {
            Place::Spread => {
                let weight = (queue % 2 + 1).to_string();
                channel.bind_queue(name, SPREAD, &weight, Table::default()).await?;
            }
            Place::Dead => channel.bind_queue(name, GRAVES, "", Table::default()).await?,
            Place::Plain | Place::Single | Place::Mortal => {}
        }
    }
    Ok(())
}
