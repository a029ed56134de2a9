//! What others in other languages are tested against: it does what it is told, a JSON array a line on standard input, and answers each
//! with a JSON object a line, `{"ok": ...}` or `{"error": ...}`. Counterpart: `interop/java/.../curator/DataDriver.java`.
//!
//! `data_driver SERVERS`, then lines such as `["put","kazoo","/q","data",100]`.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use client::{Options, Sessions};
use recipes::cache::{Cache, Scope};
use recipes::discovery::{Discovery, Instance, Registration};
use recipes::membership::{Group, Layout as Members};
use recipes::partition::Partitioner;
use recipes::persistent::{self, PersistentNode};
use recipes::queue::{HoldingQueue, Layout, Queue, Rank};
use recipes::shared::{Decimal, Int, Long, Shared};
use runtime::Runtime;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

type Outcome = Result<Value, Box<dyn Error>>;

/// What goes on between commands.
struct Driver {
    sessions: Sessions,
    registrations: BTreeMap<String, Registration>,
    kept: BTreeMap<String, PersistentNode>,
    caches: BTreeMap<String, Cache>,
    groups: BTreeMap<String, Group>,
}

/// What is done within this time is done.
const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let servers = std::env::args().nth(1).ok_or("give the servers")?;
    let runtime = Runtime::system();
    let sessions = Sessions::open(&runtime, &servers, Options::default()).await?;
    let (registrations, kept, caches, groups) = Default::default();
    let mut driver = Driver { sessions, registrations, kept, caches, groups };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut out = tokio::io::stdout();
    while let Some(line) = lines.next_line().await? {
        let command: Vec<Value> = serde_json::from_str(&line)?;
        let outcome = runtime.clock.timeout(PATIENCE, driver.carry_out(&command)).await;
        let answer = match outcome {
            Ok(Ok(value)) => json!({ "ok": value }),
            Ok(Err(error)) => json!({ "error": error.to_string() }),
            Err(late) => json!({ "error": late.to_string() }),
        };
        out.write_all(format!("{answer}\n").as_bytes()).await?;
        out.flush().await?;
    }
    Ok(driver.sessions.close().await?)
}

impl Driver {
    async fn carry_out(&mut self, command: &[Value]) -> Outcome {
        let text = |at: usize| command.get(at).and_then(Value::as_str).ok_or("a text is missing");
        let number = |at: usize| command.get(at).and_then(Value::as_i64).ok_or("a number is missing");
        match text(0)? {
            "register" => self.register(text(1)?, text(2)?, text(3)?, number(4)?).await,
            "unregister" => {
                self.registrations.remove(text(1)?).ok_or("it is not registered")?.close().await?;
                Ok(Value::Null)
            }
            "instances" => self.instances(text(1)?, text(2)?).await,
            "put" => self.put(text(1)?, text(2)?, text(3)?, command.get(4).and_then(Value::as_i64)).await,
            "take" => {
                let taken = Queue::new(&self.sessions, text(2)?, layout(text(1)?)?).take().await?;
                Ok(json!(String::from_utf8(taken.items[0].to_vec())?))
            }
            "take-held" => {
                let queue = match text(1)? {
                    "kazoo" => HoldingQueue::kazoo(&self.sessions, text(2)?),
                    kind => HoldingQueue::curator(&self.sessions, text(2)?, text(3)?, layout(kind)?),
                };
                let held = queue.take().await?;
                let data = String::from_utf8(held.data().to_vec())?;
                held.done().await?;
                Ok(json!(data))
            }
            "add" => self.add(text(1)?, text(2)?, number(3)?).await,
            "keep" => {
                let options = persistent::Options::default();
                let node =
                    PersistentNode::keep(&self.sessions, text(1)?, text(2)?.as_bytes(), options).await?;
                node.there().await?;
                self.kept.insert(text(1)?.to_owned(), node);
                Ok(Value::Null)
            }
            "follow" => {
                let cache = Cache::open(&self.sessions, text(1)?, Scope::Tree).await?;
                cache.complete().await?;
                self.caches.insert(text(1)?.to_owned(), cache);
                Ok(Value::Null)
            }
            "followed" => {
                let cache = self.caches.get(text(1)?).ok_or("it is not followed")?;
                let data =
                    |data: Option<Bytes>| String::from_utf8_lossy(&data.unwrap_or_default()).into_owned();
                let all: BTreeMap<String, String> =
                    cache.all().into_iter().map(|(path, node)| (path.to_string(), data(node.data))).collect();
                Ok(json!(all))
            }
            "join" => {
                let group = Group::open(&self.sessions, text(2)?, members(text(1)?)?).await?;
                let member = group.join(text(3)?, b"").await?;
                member.there().await?;
                self.groups.insert(text(2)?.to_owned(), group);
                self.kept.insert(text(2)?.to_owned(), member);
                Ok(Value::Null)
            }
            "members" => {
                let group = self.groups.get(text(1)?).ok_or("it was not joined")?;
                let mut ids: Vec<String> = group.members().into_iter().map(|member| member.id).collect();
                ids.sort();
                Ok(json!(ids))
            }
            "partition" => {
                let names = (0..number(3)?).map(|number| format!("p{number:02}"));
                let settle = Duration::from_secs(2);
                let partitioner =
                    Partitioner::join(&self.sessions, text(1)?, text(2)?, names, settle).await?;
                let allocation = partitioner.allocation().await?;
                let partitions = json!(allocation.partitions());
                // It keeps what it has until the process ends.
                std::mem::forget((partitioner, allocation));
                Ok(partitions)
            }
            other => Err(format!("no command {other}").into()),
        }
    }

    async fn register(&mut self, base: &str, service: &str, id: &str, port: i64) -> Outcome {
        let mut instance = Instance::new(service, id);
        instance.address = Some("127.0.0.1".to_owned());
        instance.port = Some(u16::try_from(port)?);
        instance.payload = Some(json!(format!("payload of {id}")));
        let registration = Discovery::new(&self.sessions, base).register(&instance).await?;
        self.registrations.insert(id.to_owned(), registration);
        Ok(Value::Null)
    }

    /// Ids, ports and payloads.
    async fn instances(&self, base: &str, service: &str) -> Outcome {
        let found = Discovery::new(&self.sessions, base).instances(service).await?;
        let mut told: Vec<Value> =
            found.iter().map(|each| json!([each.id, each.port, each.payload])).collect();
        told.sort_by_key(Value::to_string);
        Ok(json!(told))
    }

    async fn put(&self, kind: &str, path: &str, data: &str, rank: Option<i64>) -> Outcome {
        let layout = layout(kind)?;
        let rank = match (layout, rank) {
            (_, None) => Rank::Usual,
            (Layout::CuratorDelay, Some(ms)) => Rank::NotBefore(ms),
            (_, Some(priority)) => Rank::Priority(i32::try_from(priority)?),
        };
        Queue::new(&self.sessions, path, layout).put(data.as_bytes(), rank).await?;
        Ok(Value::Null)
    }

    async fn add(&self, kind: &str, path: &str, more: i64) -> Outcome {
        Ok(json!(match kind {
            "int" => {
                let count = Shared::open(&self.sessions, path, Int, 0).await?;
                i64::from(count.add(i32::try_from(more)?).await?.after.value)
            }
            "long" => Shared::open(&self.sessions, path, Long, 0).await?.add(more).await?.after.value,
            "decimal" => Shared::open(&self.sessions, path, Decimal, 0).await?.add(more).await?.after.value,
            other => return Err(format!("no numbers of kind {other}").into()),
        }))
    }
}

fn layout(kind: &str) -> Result<Layout, String> {
    Ok(match kind {
        "simple" => Layout::Simple,
        "queue" => Layout::Curator,
        "priority" => Layout::CuratorPriority,
        "delay" => Layout::CuratorDelay,
        "kazoo" => Layout::Kazoo,
        other => return Err(format!("no queue of kind {other}")),
    })
}

fn members(kind: &str) -> Result<Members, String> {
    Ok(match kind {
        "group" => Members::GroupMember,
        "party" => Members::Party,
        "shallow" => Members::ShallowParty,
        other => return Err(format!("no group of kind {other}")),
    })
}
