//! `quorate tree get`, and data as it is given on the command line.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Session, put, show};

#[derive(clap::Args)]
pub(super) struct GetArgs {
    #[arg(value_parser = super::path)]
    path: String,
    /// Its numbers instead of its data.
    #[arg(long)]
    stat: bool,
    /// Its access list instead of its data.
    #[arg(long, conflicts_with = "stat")]
    acl: bool,
}

pub(super) async fn get(session: &Session, args: &GetArgs) -> Result<()> {
    let client = &session.client;
    client.sync(&args.path).await?;
    if session.json {
        let node = client.get(&args.path).await?;
        let (acl, _) = client.acl(&args.path).await?;
        put(&show::line(&show::node_json(&args.path, node.data.as_deref(), &acl, &node.stat)))?;
    } else if args.acl {
        let (acl, _) = client.acl(&args.path).await?;
        let lines: String = show::entries(&acl).into_iter().map(|entry| entry + "\n").collect();
        put(lines.as_bytes())?;
    } else if args.stat {
        put(show::stat_lines(&client.get(&args.path).await?.stat).as_bytes())?;
    } else {
        let data = client.get(&args.path).await?.data.unwrap_or_default();
        put(&data)?;
        // For people only: a file or a program gets the data as it is.
        if std::io::stdout().is_terminal() && !data.ends_with(b"\n") {
            put(b"\n")?;
        }
    }
    Ok(())
}

/// Data for a znode: as an argument, or from a file.
#[derive(clap::Args)]
pub(super) struct Given {
    /// The data, as text; empty if neither this nor --file is given.
    data: Option<String>,
    /// Take the data from this file; - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    file: Option<PathBuf>,
}

impl Given {
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        match (&self.data, &self.file) {
            (Some(data), _) => Ok(data.clone().into_bytes()),
            (None, None) => Ok(Vec::new()),
            (None, Some(file)) if file.as_os_str() == "-" => {
                let mut data = Vec::new();
                std::io::stdin().lock().read_to_end(&mut data).context("read standard input")?;
                Ok(data)
            }
            (None, Some(file)) => std::fs::read(file).with_context(|| format!("read {}", file.display())),
        }
    }
}
