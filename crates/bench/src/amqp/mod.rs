//! Drives any AMQP 0-9-1 server through the protocol of its clients.

mod args;
mod consumer;
mod publisher;
mod report;
mod stamp;
mod tally;
mod unconfirmed;

pub use args::AmqpArgs;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use amqp_client::{Connection, ConsumeOptions, Options, QueueOptions, ShortBytes, TableBuf, Value};
use anyhow::{Context, Result, bail};
use runtime::Runtime;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::sleep_until;

use self::consumer::Consumer;
use self::publisher::Publisher;
use self::report::AmqpReport;
use self::stamp::Run;
use self::tally::{Tally, Window};
use crate::process::{Usage, usages};
use crate::single_threaded;

/// A load that is to end by itself is given up when nothing happens for so long.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// Runs the load, and prints what it measured to standard output.
///
/// # Errors
/// When the arguments make no sense together, a server can't be reached, closes a connection or does not answer.
pub fn run(args: &AmqpArgs) -> Result<()> {
    args.check()?;
    let runtime = single_threaded()?;
    let report = LocalSet::new().block_on(&runtime, measure(args))?;
    report::print(&report, args.json)
}

/// The clients of one run.
struct Crowd {
    publishers: Vec<Publisher>,
    consumers: Vec<Consumer>,
    tally: Rc<RefCell<Tally>>,
    /// Ends the consumers.
    enough: Rc<watch::Sender<bool>>,
}

async fn measure(args: &AmqpArgs) -> Result<AmqpReport> {
    let runtime = Runtime::system();
    let pids: Vec<u32> = args.pids.iter().copied().chain([std::process::id()]).collect();
    declare_queues(args, &runtime).await?;
    let crowd = open(args, &runtime).await?;
    let tally = Rc::clone(&crowd.tally);
    let (before, after) = drive(args, crowd, &pids).await?;
    if !args.keep {
        delete_queues(args, &runtime).await?;
    }
    AmqpReport::new(args, &tally.borrow(), &before, &after)
}

/// Everybody is connected, and consumers wait.
async fn open(args: &AmqpArgs, runtime: &Runtime) -> Result<Crowd> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let run = Run::new(since_1970.as_nanos() as u64);
    let now = Instant::now();
    let tally = Rc::new(RefCell::new(Tally::new(Window { from: now, until: None }, args.series_ms)));
    let enough = Rc::new(watch::Sender::new(false));
    let interval =
        (args.rate > 0).then(|| Duration::from_secs_f64(args.publishers as f64 / args.rate as f64));
    let mut publishers = Vec::new();
    for number in 0..args.publishers {
        let connection = connect(args, runtime, number).await?;
        let channel = connection.channel().await?;
        publishers.push(Publisher {
            outcomes: channel.confirms().await?,
            connection,
            channel,
            queue: args.queue_of(number),
            run,
            size: args.size,
            in_flight: args.in_flight,
            interval,
            count: args.count_of(number),
            tally: Rc::clone(&tally),
        });
    }
    // Now, since consumers begin at once.
    tally.borrow_mut().window = window(args);
    let mut consumers = Vec::new();
    for number in 0..args.consumers {
        let connection = connect(args, runtime, number).await?;
        let channel = connection.channel().await?;
        channel.qos(args.prefetch).await?;
        let queue = args.queue_of(number);
        let deliveries = channel.consume(&queue, "bench", &ConsumeOptions::default()).await;
        consumers.push(Consumer {
            deliveries: deliveries.with_context(|| format!("consume from {queue}"))?,
            connection,
            channel,
            run,
            ack_every: args.ack_every,
            count: args.count.unwrap_or(u64::MAX),
            tally: Rc::clone(&tally),
            enough: Rc::clone(&enough),
        });
    }
    Ok(Crowd { publishers, consumers, tally, enough })
}

/// What is measured of a load that begins now.
fn window(args: &AmqpArgs) -> Window {
    let now = Instant::now();
    match args.count {
        Some(_) => Window { from: now, until: None },
        None => {
            let from = now + Duration::from_secs_f64(args.warmup_secs);
            Window { from, until: Some(from + Duration::from_secs_f64(args.secs)) }
        }
    }
}

/// Lets all run to their end. Gives the processor times of the processes when the window began and when it ended.
async fn drive(args: &AmqpArgs, crowd: Crowd, pids: &[u32]) -> Result<(Vec<Usage>, Vec<Usage>)> {
    let Crowd { publishers, consumers, tally, enough } = crowd;
    let window = window(args);
    tally.borrow_mut().window = window;
    let (mut publishing, mut consuming) = (JoinSet::new(), JoinSet::new());
    for publisher in publishers {
        publishing.spawn_local(publisher.run());
    }
    for consumer in consumers {
        consuming.spawn_local(consumer.run());
    }
    let measuring = async {
        sleep_until(window.from.into()).await;
        let before = usages(pids)?;
        match window.until {
            Some(until) => sleep_until(until.into()).await,
            None => silence(&tally).await?,
        }
        anyhow::Ok((before, usages(pids)?))
    };
    let all = async {
        ended(&mut publishing).await?;
        if args.count.is_none() {
            enough.send_replace(true);
        }
        ended(&mut consuming).await
    };
    tokio::pin!(measuring, all);
    match window.until {
        Some(_) => {
            let (measured, ()) = tokio::try_join!(measuring, all)?;
            Ok(measured)
        }
        None => {
            let before = usages(pids)?;
            tokio::select! {
                ended = &mut all => ended?,
                silent = &mut measuring => drop(silent?),
            }
            Ok((before, usages(pids)?))
        }
    }
}

async fn ended(running: &mut JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = running.join_next().await {
        ended.context("run a client")??;
    }
    Ok(())
}

/// Fails when nothing happens any more.
async fn silence(tally: &RefCell<Tally>) -> Result<()> {
    loop {
        let before = tally.borrow().progress;
        tokio::time::sleep(SILENCE_LIMIT).await;
        let tally = tally.borrow();
        if tally.progress == before {
            bail!(
                "nothing happened for {SILENCE_LIMIT:?}: {} messages were confirmed, {} refused, {} received",
                tally.confirmed.messages,
                tally.refused,
                tally.received.messages
            );
        }
    }
}

async fn connect(args: &AmqpArgs, runtime: &Runtime, client: usize) -> Result<Connection> {
    let options = Options {
        user: args.user.clone(),
        password: args.password.clone(),
        vhost: args.vhost.clone(),
        name: "quorate bench".to_owned(),
        ..Options::default()
    };
    Ok(Connection::open(runtime, args.server_of(client), &options).await?)
}

async fn declare_queues(args: &AmqpArgs, runtime: &Runtime) -> Result<()> {
    let mut arguments = TableBuf::new();
    if !args.queue_type.is_empty() {
        let value = Value::from(args.queue_type.as_str());
        arguments.push(ShortBytes::from_static("x-queue-type"), value);
    }
    let options = QueueOptions::durable().with(arguments);
    let connection = connect(args, runtime, 0).await?;
    let channel = connection.channel().await?;
    for number in 0..args.queues {
        let queue = args.queue_of(number);
        channel.declare_queue(&queue, &options).await.with_context(|| format!("declare {queue}"))?;
    }
    Ok(connection.close().await?)
}

async fn delete_queues(args: &AmqpArgs, runtime: &Runtime) -> Result<()> {
    let connection = connect(args, runtime, 0).await?;
    let channel = connection.channel().await?;
    for number in 0..args.queues {
        channel.delete_queue(&args.queue_of(number)).await?;
    }
    Ok(connection.close().await?)
}
