//! Quotas, as ZooKeeper keeps them: `/zookeeper/quota<prefix>/zookeeper_limits` has the limits of a subtree, and
//! `zookeeper_stats` beside it, which the server writes, what it uses.

use client::{Acl, Client, CreateMode, Error, ErrorKind, Transaction};

use super::format::{QuotaLine, is_within};
use super::import::{Action, Overwrite};
use super::walk::{Detail, Step, Walk};
use super::write;

const HOME: &str = "/zookeeper/quota";
const LIMITS: &str = "/zookeeper_limits";
const USAGE: &str = "/zookeeper_stats";

/// Where the limits of the subtree at `prefix` are.
pub(super) fn limits_path(prefix: &str) -> String {
    format!("{HOME}{prefix}{LIMITS}")
}

/// The subtree that the limits at `path` are about. The root has none.
fn prefix_of(path: &str) -> Option<&str> {
    let prefix = path.strip_prefix(HOME)?.strip_suffix(LIMITS)?;
    (!prefix.is_empty()).then_some(prefix)
}

/// The quotas of `root` and what is below it, by path. Limits that are no text, and so limit nothing, are left out.
pub(super) async fn below(client: &Client, root: &str) -> Result<Vec<QuotaLine>, Error> {
    let at = if root == "/" { HOME.to_owned() } else { format!("{HOME}{root}") };
    let mut walk = Walk::begin(client, &at, Detail::Everything, None).await?;
    let mut quotas = Vec::new();
    while let Some(step) = walk.next().await {
        let found = match step {
            Step::Entered(found) => found,
            Step::Left(_) => continue,
            // Nothing there has a quota.
            Step::Failed(error) if error.kind == ErrorKind::NoNode => break,
            Step::Failed(error) => return Err(error),
        };
        let Some(prefix) = prefix_of(&found.path).filter(|prefix| is_within(root, prefix)) else { continue };
        let data = found.content.and_then(|(node, _)| node.data);
        if let Some(Ok(limits)) = data.as_deref().map(std::str::from_utf8) {
            quotas.push(QuotaLine { quota: prefix.to_owned(), limits: limits.to_owned() });
        }
    }
    Ok(quotas)
}

/// Gives the subtree at `prefix` these limits, unless it has others and is to keep them.
pub(super) async fn set(
    client: &Client,
    prefix: &str,
    limits: &str,
    overwrite: Overwrite,
    dry_run: bool,
) -> anyhow::Result<Action> {
    let path = limits_path(prefix);
    let action = match client.get(&path).await {
        Ok(node) if node.data.as_deref() == Some(limits.as_bytes()) => Action::Same,
        Ok(_) if overwrite == Overwrite::Never => Action::Conflict,
        Ok(node) => Action::Change { version: Some(node.stat.version), aversion: None },
        Err(error) if error.kind == ErrorKind::NoNode => Action::Create,
        Err(error) => return Err(error.into()),
    };
    match action {
        _ if dry_run => {}
        Action::Same | Action::Conflict => {}
        Action::Change { version, .. } => {
            client.set(&path, Some(limits.as_bytes()), version.unwrap_or(-1)).await?;
        }
        Action::Create => create(client, prefix, &path, limits).await?,
    }
    Ok(action)
}

/// As `setquota` does; the server counts what is used when the second one comes.
async fn create(client: &Client, prefix: &str, path: &str, limits: &str) -> anyhow::Result<()> {
    write::create_parents(client, path, &Acl::open()).await?;
    let usage = format!("{HOME}{prefix}{USAGE}");
    let is_counted = client.exists(&usage).await?.is_some();
    let mut transaction = Transaction::new();
    transaction.create(path, Some(limits.as_bytes()), &Acl::open(), CreateMode::Persistent);
    if !is_counted {
        transaction.create(&usage, Some(b"count=0,bytes=0"), &Acl::open(), CreateMode::Persistent);
    }
    client.multi(&transaction).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{limits_path, prefix_of};

    #[test]
    fn limits_name_their_subtree() {
        assert_eq!(limits_path("/a/b"), "/zookeeper/quota/a/b/zookeeper_limits");
        assert_eq!(prefix_of("/zookeeper/quota/a/b/zookeeper_limits"), Some("/a/b"));
        for other in [
            "/zookeeper/quota",
            "/zookeeper/quota/a",
            "/zookeeper/quota/zookeeper_limits",
            "/a/zookeeper_limits",
        ] {
            assert_eq!(prefix_of(other), None, "{other}");
        }
    }
}
