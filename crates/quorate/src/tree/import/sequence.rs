//! Names of sequential znodes go on counting where they left off.
//!
//! A server numbers sequential children by how many children their parent has had. An import creates only those that are
//! left, so the numbers would start again, and new members of a queue would come before the old. What is missing is made
//! up for by children that are created and deleted at once.

use client::{Acl, AnyVersion, Client, CreateMode, Error, Transaction};
use futures::stream::{FuturesOrdered, StreamExt};

use super::round::Wanted;
use crate::tree::child;
use crate::tree::format::next_sequence;

/// No child of that name is left behind: it comes and goes in one transaction.
const NAME: &str = "quorate-import-sequence";
/// Creates in a transaction.
const TIMES_MAX: u64 = 500;

/// Lets the counters of these znodes, whose children are all there, catch up; gives by how much they did.
pub(super) async fn advance(client: &Client, wanted: &[Wanted]) -> Result<u64, Error> {
    let goals = wanted.iter().filter_map(|wanted| Some((wanted.path.as_str(), wanted.next_sequence?)));
    let mut reads: FuturesOrdered<_> = goals
        .filter(|(_, goal)| *goal > 0)
        .map(|(path, goal)| async move { (path, goal, client.exists(path).await) })
        .collect();
    let mut advanced = 0;
    while let Some((path, goal, stat)) = reads.next().await {
        let Some(stat) = stat? else { continue };
        let missing = u64::try_from(goal.saturating_sub(next_sequence(&stat))).unwrap_or(0);
        make_up_for(client, path, missing).await?;
        advanced += missing;
    }
    Ok(advanced)
}

async fn make_up_for(client: &Client, path: &str, mut missing: u64) -> Result<(), Error> {
    while missing > 0 {
        let times = missing.min(TIMES_MAX);
        let mut transaction = Transaction::new();
        for _ in 0..times {
            let path = child(path, NAME);
            transaction.create(&path, None, &Acl::open(), CreateMode::Persistent).delete(&path, AnyVersion);
        }
        client.multi(&transaction).await?;
        missing -= times;
    }
    Ok(())
}
