//! Publishes with confirms and consumes with acknowledgements over connections that recover, one of each at every broker, until standard
//! input ends. Whoever started this program kills brokers meanwhile. Writes JSON, an object a line: again and again how much each broker
//! has taken and given, `{"published": [...], "consumed": [...]}`, and once input has ended and all that was confirmed has come,
//! `{"confirmed": [...], "delivered": [[body, redelivered], ...], "disturbed": n}`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_lite::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Error};
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::site::Site;

const REPORT: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_secs(40);

#[derive(Default)]
struct Seen {
    published: Vec<u64>,
    consumed: Vec<u64>,
    confirmed: Vec<String>,
    delivered: Vec<(String, bool)>,
    bodies: BTreeSet<String>,
    disturbed: u64,
    stopped: bool,
}

#[derive(Clone)]
struct Crowd {
    queue: String,
    seen: Arc<Mutex<Seen>>,
}

impl Crowd {
    fn note<T>(&self, note: impl FnOnce(&mut Seen) -> T) -> T {
        note(&mut self.seen.lock().expect("nobody panics with it"))
    }

    async fn connect(&self, url: &str) -> Result<Channel, Error> {
        let properties = ConnectionProperties::default().enable_auto_recover().configure_backoff(|backoff| {
            let (min, max) = (Duration::from_millis(100), Duration::from_millis(500));
            backoff.with_min_delay(min).with_max_delay(max).with_max_times(200)
        });
        let connection = Connection::connect(&format!("{url}/%2f?heartbeat=5"), properties).await?;
        connection.create_channel().await
    }

    async fn consume(self, url: String, node: usize) {
        while let Err(_disturbance) = self.consume_while_it_lasts(&url, node).await {
            self.note(|seen| seen.disturbed += 1);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn consume_while_it_lasts(&self, url: &str, node: usize) -> Result<(), Error> {
        let channel = self.connect(url).await?;
        let queue = || self.queue.as_str().into();
        channel.queue_declare(queue(), QueueDeclareOptions::durable(), FieldTable::default()).await?;
        channel.basic_qos(10, BasicQosOptions::default()).await?;
        let (options, tag) = (BasicConsumeOptions::default(), format!("c-{node}"));
        let mut consumer =
            channel.basic_consume(queue(), tag.as_str().into(), options, FieldTable::default()).await?;
        while let Some(delivery) = consumer.next().await {
            let delivery = match delivery {
                Ok(delivery) => delivery,
                Err(error) => {
                    self.note(|seen| seen.disturbed += 1);
                    channel.wait_for_recovery(error).await?;
                    continue;
                }
            };
            let body = String::from_utf8_lossy(&delivery.data).into_owned();
            self.note(|seen| {
                seen.bodies.insert(body.clone());
                seen.delivered.push((body, delivery.redelivered));
                seen.consumed[node] += 1;
            });
            if delivery.ack(BasicAckOptions::default()).await.is_err() {
                // The channel is gone: the message comes again.
                self.note(|seen| seen.disturbed += 1);
            }
        }
        Ok(())
    }

    async fn publish(self, url: String, node: usize) {
        let (mut channel, mut number) = (None, 0_u64);
        while !self.note(|seen| seen.stopped) {
            // Never sent twice, so that whatever comes twice was delivered twice.
            let body = format!("{node}-{number}");
            number += 1;
            match self.publish_one(&url, &mut channel, &body).await {
                Ok(Confirmation::Ack(_)) => self.note(|seen| {
                    seen.confirmed.push(body);
                    seen.published[node] += 1;
                }),
                Ok(_) => self.note(|seen| seen.disturbed += 1),
                Err(error) => {
                    self.note(|seen| seen.disturbed += 1);
                    let recovered = match &channel {
                        Some(channel) => channel.wait_for_recovery(error).await.is_ok(),
                        None => false,
                    };
                    if !recovered {
                        channel = None;
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    async fn publish_one(
        &self,
        url: &str,
        channel: &mut Option<Channel>,
        body: &str,
    ) -> Result<Confirmation, Error> {
        if channel.is_none() {
            let fresh = self.connect(url).await?;
            fresh.confirm_select(ConfirmSelectOptions::default()).await?;
            *channel = Some(fresh);
        }
        let channel = channel.as_ref().expect("it was made above");
        let properties = BasicProperties::default().with_delivery_mode(2);
        let (queue, options) = (self.queue.as_str().into(), BasicPublishOptions::default());
        channel.basic_publish("".into(), queue, options, body.as_bytes(), properties).await?.await
    }

    fn is_missing(&self) -> bool {
        self.note(|seen| seen.confirmed.iter().any(|body| !seen.bodies.contains(body)))
    }
}

pub(crate) async fn run(site: Site) {
    let nodes = site.urls.len();
    let seen = Seen { published: vec![0; nodes], consumed: vec![0; nodes], ..Seen::default() };
    let crowd = Crowd { queue: site.fresh("lapin"), seen: Arc::new(Mutex::new(seen)) };
    // The queue is there before anybody publishes to it.
    let first = crowd.connect(&site.urls[0]).await.expect("a broker");
    let declared = first.queue_declare(
        crowd.queue.as_str().into(),
        QueueDeclareOptions::durable(),
        FieldTable::default(),
    );
    declared.await.expect("a queue");
    for (node, url) in site.urls.iter().enumerate() {
        tokio::spawn(crowd.clone().consume(url.clone(), node));
    }
    let publishing = site
        .urls
        .iter()
        .enumerate()
        .map(|(node, url)| tokio::spawn(crowd.clone().publish(url.clone(), node)));
    let publishing: Vec<_> = publishing.collect();
    let reporting = crowd.clone();
    tokio::spawn(async move {
        loop {
            reporting.note(|seen| {
                println!("{}", json!({ "published": seen.published, "consumed": seen.consumed }))
            });
            tokio::time::sleep(REPORT).await;
        }
    });
    let mut input = Vec::new();
    tokio::io::stdin().read_to_end(&mut input).await.expect("standard input");
    crowd.note(|seen| seen.stopped = true);
    for each in publishing {
        each.await.expect("publishers come to an end");
    }
    let until = Instant::now() + LAST;
    while crowd.is_missing() && Instant::now() < until {
        tokio::time::sleep(PAUSE).await;
    }
    crowd.note(|seen| {
        let Seen { confirmed, delivered, disturbed, .. } = seen;
        println!("{}", json!({ "confirmed": confirmed, "delivered": delivered, "disturbed": disturbed }));
    });
}
