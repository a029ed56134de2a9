//! What can be asked on the command line.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, ensure};

/// Drives any ZooKeeper server.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Servers, as HOST:PORT; connections are dealt out to them in turn
    #[arg(long, value_delimiter = ',', required = true)]
    pub servers: Vec<String>,
    /// Connections, each a session
    #[arg(long, default_value_t = 1)]
    pub conns: usize,
    /// Requests that each connection keeps outstanding
    #[arg(long, default_value_t = 1)]
    pub pipeline: usize,
    /// What to do: get, set, create, or mixed:R for R percent gets and else sets
    #[arg(long, default_value = "get")]
    pub op: Operation,
    /// Bytes of data in a znode
    #[arg(long, default_value_t = 100)]
    pub size: usize,
    /// Seconds to measure; 0 only makes the znodes
    #[arg(long, default_value_t = 5.0)]
    pub secs: f64,
    /// Seconds of load before measuring
    #[arg(long, default_value_t = 1.0)]
    pub warmup_secs: f64,
    /// Znodes that gets and sets are spread over, at random
    #[arg(long, default_value_t = 1_000)]
    pub znodes: usize,
    /// Znodes to make before the load; at least those that gets and sets need
    #[arg(long, default_value_t = 0)]
    pub prefill: usize,
    /// Threads that generate load
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Go on after a lost connection, at the next server and with the same session
    #[arg(long)]
    pub reconnect: bool,
    /// Report also how many requests were answered in each stretch of so many milliseconds; 0 leaves that out
    #[arg(long, default_value_t = 0)]
    pub series_ms: u64,
    /// TLS: the authorities, in PEM, that the servers' certificates must come from; they must be made out to HOST
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Certificate to show to servers, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_ca", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Key of that certificate, in PEM, not encrypted
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Server processes whose processor time and memory to report
    #[arg(long, value_delimiter = ',')]
    pub pids: Vec<u32>,
    /// Print one JSON object instead of lines to read
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Znodes that must be there before the load.
    pub(crate) fn znodes_needed(&self) -> usize {
        match self.op {
            Operation::Create => self.prefill,
            Operation::Mixed { .. } => self.prefill.max(self.znodes),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        ensure!(self.conns > 0 && self.pipeline > 0, "--conns and --pipeline must be at least 1");
        ensure!(self.znodes > 0, "--znodes must be at least 1: gets and sets need a znode");
        ensure!(
            (1..=self.conns).contains(&self.threads),
            "--threads must be from 1 to --conns: a thread without a connection does nothing"
        );
        ensure!(
            self.secs.is_finite()
                && self.secs >= 0.0
                && self.warmup_secs.is_finite()
                && self.warmup_secs >= 0.0,
            "--secs and --warmup-secs must be 0 or more"
        );
        Ok(())
    }
}

/// Which requests make up the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// New znodes, each connection under its own parent.
    Create,
    /// Gets and sets of the same znodes.
    Mixed {
        /// How many of a hundred are gets.
        gets_percent: u8,
    },
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "create" => Ok(Operation::Create),
            None if text == "get" => Ok(Operation::Mixed { gets_percent: 100 }),
            None if text == "set" => Ok(Operation::Mixed { gets_percent: 0 }),
            Some(("mixed", percent)) => match percent.parse() {
                Ok(gets_percent @ 0..=100) => Ok(Operation::Mixed { gets_percent }),
                _ => Err(format!("{percent} is not a percentage of gets; use mixed:0 to mixed:100")),
            },
            _ => Err(format!("{text} is not an operation; use get, set, create or mixed:R")),
        }
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Operation::Create => f.write_str("create"),
            Operation::Mixed { gets_percent: 100 } => f.write_str("get"),
            Operation::Mixed { gets_percent: 0 } => f.write_str("set"),
            Operation::Mixed { gets_percent } => write!(f, "mixed:{gets_percent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_as_they_are_written() {
        for text in ["get", "set", "create", "mixed:80", "mixed:1"] {
            assert_eq!(text.parse::<Operation>().unwrap().to_string(), text);
        }
        for text in ["", "read", "mixed", "mixed:", "mixed:101", "mixed:-1", "get:5"] {
            assert!(text.parse::<Operation>().is_err(), "{text}");
        }
    }
}
