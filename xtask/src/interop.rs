//! `cargo xtask interop`: clients that nobody here wrote, against real processes (the folder `interop`).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::shell::{program, quorate_binary, root, step, succeeds, target};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these; everything when absent
    #[arg(long, value_delimiter = ',')]
    only: Vec<Suite>,
    /// What to test: the tests must hold for ZooKeeper too
    #[arg(long, value_enum, default_value_t = Server::Quorate)]
    server: Server,
    /// Passed on to pytest
    #[arg(last = true)]
    pytest: Vec<String>,
}

impl Args {
    pub(crate) fn all() -> Self {
        Self { only: Vec::new(), server: Server::Quorate, pytest: Vec::new() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Operations, watches, sessions and recipes with Python's kazoo
    Kazoo,
    /// ZooKeeper's own Java client and its command line
    Java,
    /// Killed nodes under load
    Faults,
    /// Bytes that are no requests
    Malformed,
    /// Certificates of clients and of nodes
    Tls,
    /// From ZooKeeper to Quorate and back with `quorate tree`
    Migration,
}

impl Suite {
    fn files(self) -> &'static [&'static str] {
        match self {
            Suite::Kazoo => &[
                "test_operations.py",
                "test_watches.py",
                "test_sessions.py",
                "test_transactions.py",
                "test_acl.py",
                "test_words.py",
                "test_monitoring.py",
                "test_recipes.py",
                "test_members.py",
                "test_limits.py",
                "test_quotas.py",
                "test_config.py",
            ],
            Suite::Java => &["test_java.py"],
            Suite::Faults => &["test_audit.py", "test_faults.py"],
            Suite::Malformed => &["test_malformed.py"],
            Suite::Tls => &["test_tls.py"],
            Suite::Migration => &["test_migration.py"],
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Server {
    Quorate,
    Zookeeper,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let python = python()?;
    let mut pytest = program(python);
    pytest.current_dir(root().join("interop")).env("PYTHONDONTWRITEBYTECODE", "1").args(["-m", "pytest"]);
    pytest.arg("--rootdir=.").arg(format!("--java={}", java()?.display()));
    match args.server {
        Server::Quorate => pytest.arg(format!("--binary={}", quorate_binary()?.display())),
        Server::Zookeeper => pytest.arg("--server=zookeeper"),
    };
    pytest.args(args.only.iter().flat_map(|suite| suite.files()).map(|file| format!("tests/{file}")));
    pytest.args(&args.pytest);
    step("third-party clients", &mut pytest)
}

/// The interpreter of a virtual environment with exactly what `requirements.txt` names, made when it is missing or old.
fn python() -> Result<PathBuf> {
    let environment = target().join("interop-venv");
    let python = environment.join("bin/python");
    let requirements = root().join("interop/requirements.txt");
    let wanted =
        fs::read_to_string(&requirements).with_context(|| format!("read {}", requirements.display()))?;
    let installed = environment.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted)
        && succeeds(program(&python).arg("--version"))
    {
        return Ok(python);
    }
    step("make a Python environment", program("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    step(
        "install the Python clients",
        program(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements),
    )?;
    fs::write(&installed, wanted).with_context(|| format!("write {}", installed.display()))?;
    Ok(python)
}

/// The folder where Maven has put ZooKeeper's jars and our program that uses them.
pub(crate) fn java() -> Result<PathBuf> {
    let build = target().join("interop-java");
    if is_newer(&build.join("built"), &root().join("interop/java"))? {
        return Ok(build);
    }
    step(
        "build the Java client",
        program("mvn")
            .args(["--quiet", "--batch-mode", "package", "--file"])
            .arg(root().join("interop/java/pom.xml"))
            .arg(format!("-Dbuild.folder={}", build.display())),
    )?;
    fs::write(build.join("built"), "").context("mark the Java client as built")?;
    Ok(build)
}

/// Whether `file` was written after everything in `folder`.
fn is_newer(file: &Path, folder: &Path) -> Result<bool> {
    let Ok(written) = fs::metadata(file).and_then(|metadata| metadata.modified()) else {
        return Ok(false);
    };
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("read {}", next.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.metadata()?.modified()? > written {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
