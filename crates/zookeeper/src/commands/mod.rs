//! The commands of ZooKeeper's AdminServer: a name in, a JSON object out, with the keys that ZooKeeper gives it.

mod about;
mod connections;
mod quorum;
mod stats;
mod watches;

use control::LogStatus;
use serde_json::{Map, Value, json};

use crate::serve::Server;

/// What came of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandAnswer {
    /// As HTTP has it. ZooKeeper says 200 also for most of what it refuses: the key `error` tells.
    pub status: u16,
    /// `command` and `error` (null if it went well) are always there.
    pub body: Map<String, Value>,
}

/// A command that was not carried out.
struct Refusal {
    status: u16,
    error: &'static str,
}

type Outcome = Result<Value, Refusal>;

enum Work {
    /// Answered at any time.
    Always(fn(&Server) -> Outcome),
    /// Answered while there is a leader.
    Serving(fn(&Server, &LogStatus) -> Outcome),
}

struct Command {
    /// The primary one first.
    names: &'static [&'static str],
    work: Work,
}

const OK: u16 = 200;
const UNAVAILABLE: u16 = 503;
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";
const NO_TRACE_MASK: &str = "There is no trace mask; set what is logged with the setting log";
const NO_SNAPSHOT: &str = "A snapshot is a file: ask the admin listener for it";
const NO_RESTORE: &str = "A running server takes no restore: make a new cluster with quorate restore, or import what \
                          is missing with quorate tree import";

const fn always(names: &'static [&'static str], work: fn(&Server) -> Outcome) -> Command {
    Command { names, work: Work::Always(work) }
}

const fn serving(names: &'static [&'static str], work: fn(&Server, &LogStatus) -> Outcome) -> Command {
    Command { names, work: Work::Serving(work) }
}

/// In the order of their primary names.
const COMMANDS: &[Command] = &[
    serving(&["configuration", "conf", "config"], about::configuration),
    serving(&["connection_stat_reset", "crst"], connections::reset),
    serving(&["connections", "cons"], connections::connections),
    serving(&["dirs"], about::dirs),
    serving(&["dump"], watches::dump),
    always(&["environment", "env", "envi"], about::environment),
    always(&["get_trace_mask", "gtmk"], no_trace_mask),
    serving(&["hash"], about::hash),
    serving(&["initial_configuration", "icfg"], about::initial_configuration),
    serving(&["is_read_only", "isro"], about::is_read_only),
    serving(&["last_snapshot", "lsnp"], about::last_snapshot),
    serving(&["leader", "lead"], quorum::leader),
    serving(&["monitor", "mntr"], stats::monitor),
    serving(&["observer_connection_stat_reset", "orst"], nothing),
    serving(&["observers", "obsr"], quorum::observers),
    always(&["restore", "rest"], no_restore),
    serving(&["ruok"], nothing),
    serving(&["server_stats", "srvr"], stats::server_stats),
    always(&["set_trace_mask", "stmk"], no_trace_mask),
    always(&["snapshot", "snap"], no_snapshot),
    serving(&["stat_reset", "srst"], stats::reset),
    serving(&["stats", "stat"], stats::stats),
    always(&["system_properties", "sysp"], about::system_properties),
    serving(&["voting_view"], quorum::voting_view),
    serving(&["watch_summary", "wchs"], watches::summary),
    serving(&["watches", "wchc"], watches::by_session),
    serving(&["watches_by_path", "wchp"], watches::by_path),
    serving(&["zabstate"], quorum::zabstate),
];

impl Server {
    /// The primary names of all commands, in order.
    pub fn command_names() -> impl Iterator<Item = &'static str> {
        COMMANDS.iter().map(|command| command.names[0])
    }

    /// Whether there is a command of this name.
    pub fn has_command(name: &str) -> bool {
        find(name).is_some()
    }

    /// Carries out a command.
    pub fn command(&self, name: &str) -> CommandAnswer {
        let Some(command) = find(name) else {
            let error = format!("Unknown command: {name}");
            return answer(name, OK, Map::new(), json!(error));
        };
        let status = self.control.serving_status();
        let outcome = match (&command.work, status) {
            (Work::Always(work), _) => work(self),
            (Work::Serving(work), Some(status)) => work(self, &status),
            (Work::Serving(_), None) => Err(Refusal { status: OK, error: NOT_SERVING }),
        };
        match outcome {
            Ok(Value::Object(body)) => answer(command.names[0], OK, body, Value::Null),
            Ok(_) => answer(command.names[0], OK, Map::new(), Value::Null),
            Err(Refusal { status, error }) => answer(command.names[0], status, Map::new(), json!(error)),
        }
    }
}

fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.names.contains(&name))
}

fn answer(name: &str, status: u16, mut body: Map<String, Value>, error: Value) -> CommandAnswer {
    body.insert("command".to_owned(), json!(name));
    body.insert("error".to_owned(), error);
    CommandAnswer { status, body }
}

/// That it is answered is the answer. (Of connections between nodes nothing is counted that could be reset.)
fn nothing(_: &Server, _: &LogStatus) -> Outcome {
    Ok(Value::Null)
}

fn no_trace_mask(_: &Server) -> Outcome {
    Err(Refusal { status: OK, error: NO_TRACE_MASK })
}

/// It is no JSON: whoever speaks HTTP answers it.
fn no_snapshot(_: &Server) -> Outcome {
    Err(Refusal { status: UNAVAILABLE, error: NO_SNAPSHOT })
}

/// As a ZooKeeper server where it is disabled. One server alone must not go back in time: the others would not.
fn no_restore(_: &Server) -> Outcome {
    Err(Refusal { status: UNAVAILABLE, error: NO_RESTORE })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_in_order_and_mean_one_command() {
        let primary: Vec<_> = Server::command_names().collect();
        assert!(primary.is_sorted());
        let all: Vec<_> = COMMANDS.iter().flat_map(|command| command.names).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(Server::has_command("mntr") && !Server::has_command("nope"));
    }
}
