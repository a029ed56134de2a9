//! What can be asked on the command line.

use std::time::Duration;

use anyhow::{Result, ensure};

/// Drives any AMQP 0-9-1 server: publishers with confirms, and consumers that acknowledge.
///
/// Queues are durable and messages persistent. Queues are made if they are not there, and deleted at the end unless `--keep` is given.
#[derive(Clone, Debug, clap::Args)]
pub struct AmqpArgs {
    /// Servers, as HOST:PORT; connections are dealt out to them in turn
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:5672")]
    pub servers: Vec<String>,
    /// Who connects
    #[arg(long, env = "QUORATE_USER", default_value = "guest")]
    pub user: String,
    /// The password; other users of this machine can read it here, so rather give it in the variable
    #[arg(long, env = "QUORATE_PASSWORD", hide_env_values = true, default_value = "guest")]
    pub password: String,
    /// The virtual host
    #[arg(long, default_value = "/")]
    pub vhost: String,
    /// Queues
    #[arg(long, default_value_t = 1)]
    pub queues: usize,
    /// What queues are called: NAME-1, NAME-2 and so on
    #[arg(long, value_name = "NAME", default_value = "bench")]
    pub queue: String,
    /// Their x-queue-type, which Quorate ignores; empty for none
    #[arg(long, value_name = "TYPE", default_value = "quorum")]
    pub queue_type: String,
    /// Publishers, each on a connection of its own; queues are dealt out to them in turn
    #[arg(long, default_value_t = 1)]
    pub publishers: usize,
    /// Consumers, likewise
    #[arg(long, default_value_t = 1)]
    pub consumers: usize,
    /// Bytes of a message; at least 16, for whose it is and when it was sent
    #[arg(long, default_value_t = 1_024)]
    pub size: usize,
    /// Unconfirmed messages that each publisher keeps under way
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub in_flight: usize,
    /// Messages that each consumer may hold; 0 for any number
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub prefetch: u16,
    /// Messages that a consumer acknowledges at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub ack_every: u16,
    /// Messages a second of all publishers together; 0 for as many as go. The report says how many it were
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub rate: u64,
    /// Seconds to measure
    #[arg(long, default_value_t = 10.0)]
    pub secs: f64,
    /// Seconds of load before measuring
    #[arg(long, default_value_t = 1.0)]
    pub warmup_secs: f64,
    /// Instead of a time: so many messages are published, and consumed if there are consumers
    #[arg(long, value_name = "N", conflicts_with_all = ["secs", "warmup_secs"])]
    pub count: Option<u64>,
    /// Leave queues and what is in them
    #[arg(long)]
    pub keep: bool,
    /// Report also how many messages were confirmed and received in each stretch of so many milliseconds; 0 leaves that out
    #[arg(long, default_value_t = 0)]
    pub series_ms: u64,
    /// Server processes whose processor time and memory to report
    #[arg(long, value_delimiter = ',')]
    pub pids: Vec<u32>,
    /// Print one JSON object instead of lines to read
    #[arg(long)]
    pub json: bool,
}

impl AmqpArgs {
    /// Finds what makes no sense.
    ///
    /// # Errors
    /// Says what and why.
    pub fn check(&self) -> Result<()> {
        ensure!(self.queues > 0, "--queues must be at least 1");
        ensure!(self.publishers + self.consumers > 0, "there is neither a publisher nor a consumer");
        ensure!(
            self.publishers == 0 || self.size >= super::stamp::BYTES,
            "--size must be at least {}: a message says whose it is and when it was sent",
            super::stamp::BYTES
        );
        ensure!(self.in_flight > 0, "--in-flight must be at least 1");
        ensure!(self.ack_every > 0, "--ack-every must be at least 1");
        ensure!(
            self.prefetch == 0 || self.ack_every <= self.prefetch,
            "--ack-every must be at most --prefetch: a consumer that holds as many as it may gets no more"
        );
        ensure!(self.count != Some(0), "--count must be at least 1");
        let is_time = |secs| Duration::try_from_secs_f64(secs).is_ok() && secs < 1e6;
        ensure!(
            is_time(self.secs) && self.secs > 0.0 && is_time(self.warmup_secs),
            "--secs must be more than 0, --warmup-secs 0 or more"
        );
        Ok(())
    }

    /// The queue of a publisher or consumer.
    pub(super) fn queue_of(&self, client: usize) -> String {
        format!("{}-{}", self.queue, client % self.queues + 1)
    }

    /// The server of a publisher or consumer.
    pub(super) fn server_of(&self, client: usize) -> &str {
        &self.servers[client % self.servers.len()]
    }

    /// How many messages a publisher sends, if a number was asked for: together as many as that.
    pub(super) fn count_of(&self, publisher: usize) -> u64 {
        let (publishers, publisher) = (self.publishers as u64, publisher as u64);
        self.count.map_or(u64::MAX, |count| count / publishers + u64::from(publisher < count % publishers))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: AmqpArgs,
    }

    fn args(text: &str) -> AmqpArgs {
        Cli::try_parse_from(["bench"].into_iter().chain(text.split_ascii_whitespace())).unwrap().args
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "--queues 0",
            "--publishers 0 --consumers 0",
            "--size 15",
            "--in-flight 0",
            "--ack-every 0",
            "--prefetch 10 --ack-every 11",
            "--count 0",
            "--secs 0",
            "--secs nan",
            "--warmup-secs=-1",
        ] {
            assert!(args(text).check().is_err(), "{text}");
        }
        for text in ["", "--publishers 0 --size 0", "--prefetch 0 --ack-every 100", "--count 1"] {
            assert!(args(text).check().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_count_is_shared_out_to_the_last() {
        let args = args("--publishers 3 --count 11");
        assert_eq!([0, 1, 2].map(|publisher| args.count_of(publisher)), [4, 4, 3]);
    }

    #[test]
    fn every_queue_has_publishers_and_consumers_where_there_are_enough() {
        let args = args("--queues 2 --servers a:1,b:1,c:1");
        assert_eq!([0, 1, 2].map(|client| args.queue_of(client)), ["bench-1", "bench-2", "bench-1"]);
        assert_eq!([0, 3, 4].map(|client| args.server_of(client)), ["a:1", "a:1", "b:1"]);
    }
}
