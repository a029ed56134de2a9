//! A node as a process, and the command line, as a user has them.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests that run programs; each uses a part of it"
)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quorate");
const START_LIMIT: Duration = Duration::from_secs(30);
/// A superuser's `USER:HASH`, and what its client shows.
const SUPER_DIGEST: &str = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
pub(crate) const SUPER: &str = "super:test";

/// A single node. Its process ends with it; its data outlives the process.
pub(crate) struct Node {
    folder: TempDir,
    port: u16,
    admin_port: u16,
    process: Option<Child>,
    /// What it is told beside what all are told.
    serves: Vec<String>,
    /// What clients need to be told to reach it.
    asks: Vec<String>,
}

impl Node {
    pub(crate) fn start() -> Self {
        let mut node = Self::prepared();
        node.restart();
        node
    }

    /// One that serves queues, too.
    pub(crate) fn start_with_queues() -> Self {
        let mut node = Self::prepared();
        node.serves.extend(["--amqp".to_owned(), format!("127.0.0.1:{}", free_port())]);
        node.restart();
        let deadline = Instant::now() + START_LIMIT;
        let admin = node.admin_address();
        while !node.program(&["queue", "--admin", &admin, "list"]).status.success() {
            assert!(Instant::now() < deadline, "{}", node.log());
        }
        node
    }

    /// One that has not begun, and has no data.
    pub(crate) fn prepared() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let serves = vec!["--zookeeper".into(), format!("127.0.0.1:{port}")];
        Self { folder, port, admin_port: free_port(), process: None, serves, asks: Vec::new() }
    }

    /// One that takes clients only over TLS, with the files that are in its folder then.
    pub(crate) fn start_secure(prepare: impl FnOnce(&Path)) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        prepare(folder.path());
        let file = |name: &str| name_of(folder.path(), name);
        let address = format!("127.0.0.1:{port}");
        let serves = ["--zookeeper", "off", "--zookeeper-tls", &address, "--tls-client-auth", "want"];
        let mut serves: Vec<String> = serves.map(str::to_owned).to_vec();
        for (flag, name) in
            [("--tls-cert", "server.pem"), ("--tls-key", "server.key"), ("--tls-client-ca", "ca.pem")]
        {
            serves.extend([flag.to_owned(), file(name)]);
        }
        let asks = vec!["--tls-ca".to_owned(), file("ca.pem")];
        let mut node = Self { folder, port, admin_port: free_port(), process: None, serves, asks };
        node.restart();
        node
    }

    pub(crate) fn restart(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let process = Command::new(PROGRAM)
            .args(["serve", "--peer", "off", "--super-digest", SUPER_DIGEST])
            .args(["--admin", &self.admin_address()])
            .args(if self.serves.iter().any(|flag| flag == "--amqp") { &[][..] } else { &["--amqp", "off"] })
            .args(&self.serves)
            .arg("--data-dir")
            .arg(self.data_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let deadline = Instant::now() + START_LIMIT;
        let asks: Vec<&str> = self.asks.iter().map(String::as_str).collect();
        while !self.tree(&[&asks[..], &["--timeout", "1", "ls", "/"]].concat()).status.success() {
            assert!(Instant::now() < deadline, "{}", self.log());
        }
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn admin_address(&self) -> String {
        format!("127.0.0.1:{}", self.admin_port)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.file("data")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// `quorate tree` with this node.
    pub(crate) fn command(&self) -> Command {
        let mut command = program();
        command.args(["tree", "--server", &self.address()]);
        command
    }

    /// Any other command.
    pub(crate) fn program(&self, arguments: &[&str]) -> Output {
        program().args(arguments).output().unwrap()
    }

    pub(crate) fn tree(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Its standard output, when it succeeds.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.tree(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Its standard error, when it fails with `code`.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.tree(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stderr)
    }

    /// The lines of an export, without the header and the trailer, which tell where and when.
    #[track_caller]
    pub(crate) fn exported(&self, path: &str) -> Vec<String> {
        let text = self.ok(&["--auth", SUPER, "export", path, "--without-stat"]);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines[1..lines.len() - 1].to_vec()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_remove("QUORATE_AUTH").env_remove("QUORATE_AUTH_FILE").stdin(Stdio::null());
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn name_of(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

pub(crate) fn name(file: &Path) -> &str {
    file.to_str().unwrap()
}

/// A port that no other call gives. Below those from which the kernel picks for outgoing connections, or one of theirs could be in
/// the way when the node starts.
fn free_port() -> u16 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(61);
    loop {
        let place = first.wrapping_add(CALLS.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let port = 12_000 + u16::try_from(place).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
