//! A history is made ready for the search.
//!
//! Every version that anybody saw was made by some write, so what unanswered writes did is pinned down ([`pin_down`]). The
//! versions say in which order most things happened: times are narrowed by it ([`narrow`]), after which the search finds its
//! way nearly without a wrong turn. Long histories are cut where nothing is under way, and go on from the last version there.

use std::collections::{BTreeMap, BTreeSet};

use porcupine_rs::Operation;

use super::Operations;
use super::register::{Event, Register, State};
use crate::history::Tag;

/// Operations that are searched at once, where the history can be cut.
const WINDOW: usize = 200;

/// The versions of a register that anybody read, and whose data they had.
pub(super) type Evidence = BTreeMap<i32, Option<Tag>>;

/// Pieces of a history that can be searched one by one; or why no order explains it. `end` is behind all that happened.
pub(super) fn windows(
    operations: Operations,
    seen: &Evidence,
    end: usize,
) -> Result<Vec<Operations>, String> {
    let mut operations = pin_down(operations, seen, end)?;
    narrow(&mut operations)?;
    let mut pieces = cut(operations, end);
    pieces.iter_mut().for_each(begin);
    Ok(pieces)
}

/// Says of each unanswered write what it did: it made the version that somebody read with its mark. A version that was seen
/// by nobody, or without data, was made by any one of the other unanswered writes. Whatever remains changed nothing before
/// the last known version; it may be that a refusal for having another version than that one is owed to it.
fn pin_down(mut operations: Operations, seen: &Evidence, end: usize) -> Result<Operations, String> {
    let mut made: BTreeMap<Tag, i32> = BTreeMap::new();
    made.extend(seen.iter().filter_map(|(version, tag)| Some(((*tag)?, *version))));
    for operation in &mut operations {
        if let Event::MaySet { tag, wanted } = operation.op
            && let Some(version) = made.get(&tag)
        {
            operation.op = Event::Set { tag: Some(tag), wanted, made: *version };
        }
    }
    let is_maker =
        |operation: &&Operation<Register>| matches!(operation.op, Event::Created(_) | Event::Set { .. });
    let makers = operations.iter().filter(is_maker).filter_map(|operation| operation.op.version());
    let known: BTreeSet<i32> = makers.collect();
    let last = known.last().max(seen.keys().last()).copied().unwrap_or(0);
    let gaps: Vec<i32> = (1..=last).filter(|version| !known.contains(version)).collect();
    let is_open = |operation: &&Operation<Register>| matches!(operation.op, Event::MaySet { .. });
    let open: Vec<i64> = operations.iter().filter(is_open).map(|operation| operation.call_time).collect();
    if gaps.len() > open.len() {
        return Err(format!("nobody made the versions {gaps:?}; {} writes were not answered", open.len()));
    }
    operations.retain(|operation| {
        let is_owed = !open.is_empty() && operation.op == Event::OtherThan(last);
        !matches!(operation.op, Event::MaySet { .. }) && !is_owed
    });
    let call_time = open.first().copied().unwrap_or(0);
    operations.extend(gaps.into_iter().map(|made| Operation {
        client_id: None,
        call_time,
        return_time: end as i64,
        op: Event::Set { tag: seen.get(&made).copied().flatten(), wanted: None, made },
        metadata: None,
    }));
    operations.sort_by_key(|operation| operation.call_time);
    Ok(operations)
}

/// Versions only grow, and each is made before it is seen: so nothing took effect before what it comes behind was asked, nor
/// after what comes behind it was answered. Says so in the times of each operation; fails if nothing is left between them.
fn narrow(operations: &mut Operations) -> Result<(), String> {
    let mut ranked: Vec<_> =
        operations.iter_mut().filter_map(|operation| Some((rank(operation.op)?, operation))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut asked = (i64::MIN, 0);
    for equal in ranked.chunk_by_mut(|one, other| one.0 == other.0) {
        let version = equal[0].1.op.version().unwrap_or_default();
        let newest = equal.iter().map(|(_, operation)| (operation.call_time, version)).max();
        for (_, operation) in equal {
            if operation.return_time < asked.0 {
                let (ended, (asked, older)) = (operation.return_time, asked);
                return Err(format!(
                    "version {version} was there when an answer came at {ended}, and version {older} for what was asked at {asked}"
                ));
            }
            operation.call_time = operation.call_time.max(asked.0);
        }
        asked = newest.map_or(asked, |newest| asked.max(newest));
    }
    let mut answered = i64::MAX;
    for equal in ranked.chunk_by_mut(|one, other| one.0 == other.0).rev() {
        let earliest = equal.iter().map(|(_, operation)| operation.return_time).min();
        for (_, operation) in equal {
            operation.return_time = operation.return_time.min(answered);
        }
        answered = earliest.map_or(answered, |earliest| earliest.min(answered));
    }
    sort(operations);
    Ok(())
}

/// The order in which the search should try operations.
fn sort(operations: &mut Operations) {
    operations.sort_by_key(|operation| (operation.call_time, rank(operation.op)));
}

/// The order that versions give to what knows them: a version is made, then it is seen, then the next is made.
fn rank(event: Event) -> Option<(i32, bool)> {
    let is_maker = matches!(event, Event::Created(_) | Event::Set { .. });
    Some((event.version()?, !is_maker))
}

/// What is known of the register when all of a piece is answered: a read of the last version. Writes that were never
/// answered and made later ones may as well have taken effect behind it.
fn known_at(piece: &Operations, time: i64) -> Operations {
    let newest = piece.iter().filter(|operation| operation.op.version().is_some());
    let newest = newest.max_by_key(|operation| operation.op.version()).map(|operation| operation.op);
    let read = match newest {
        Some(Event::Created(tag)) => Event::Read { tag: Some(tag), version: 0 },
        Some(Event::Set { tag, made, .. }) => Event::Read { tag, version: made },
        Some(read @ Event::Read { .. }) => read,
        _ => return Operations::new(),
    };
    vec![Operation { client_id: None, call_time: time, return_time: time, op: read, metadata: None }]
}

/// Pieces that can be looked at one by one. What has no end is in the first piece that shows its version, or a later one.
fn cut(operations: Operations, end: usize) -> Vec<Operations> {
    let (open, answered): (Operations, Operations) =
        operations.into_iter().partition(|operation| operation.return_time == end as i64);
    let mut pieces = Vec::new();
    let mut piece = Operations::new();
    let mut busy_until = 0;
    for operation in answered {
        if piece.len() >= WINDOW && busy_until < operation.call_time {
            let next = known_at(&piece, busy_until);
            pieces.push(std::mem::replace(&mut piece, next));
        }
        busy_until = busy_until.max(operation.return_time);
        piece.push(operation);
    }
    pieces.push(piece);
    let mut open: Vec<_> = open.into_iter().map(|operation| (operation.op.version(), operation)).collect();
    open.sort_by_key(|(version, _)| *version);
    let mut open = open.into_iter().peekable();
    let count = pieces.len();
    for (at, piece) in pieces.iter_mut().enumerate() {
        let last = piece.iter().filter_map(|operation| operation.op.version()).max();
        let is_last = at + 1 == count;
        while let Some((_, operation)) = open.next_if(|(version, _)| is_last || *version <= last) {
            piece.push(operation);
        }
        if let (Some(last), Some((_, next))) = (last, open.peek()) {
            // The refusal may be owed to a write that is looked at only with those that saw what it made.
            piece.retain(|operation| {
                operation.op != Event::OtherThan(last) || next.op.version() != Some(last + 1)
            });
        }
        sort(piece);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Says what was there before all of the piece: what the least version that it knows of was made from, or that version. A
/// search that was free to begin anywhere would try every version, each with all that may come before it.
fn begin(piece: &mut Operations) {
    let least = piece.iter().filter_map(|operation| operation.op.version()).min();
    let of_the_least = || piece.iter().map(|operation| operation.op).filter(|event| event.version() == least);
    let found =
        match (least, of_the_least().find(|event| matches!(event, Event::Created(_) | Event::Set { .. }))) {
            (_, Some(Event::Created(_))) => State::ABSENT,
            (Some(least), Some(_)) => State { version: least - 1, tag: None },
            (Some(least), None) => {
                let tag = of_the_least().find_map(|event| match event {
                    Event::Read { tag, .. } => Some(tag),
                    _ => None,
                });
                State { version: least, tag: tag.flatten() }
            }
            // Refusals alone: any other version explains them.
            (None, _) => State { version: i32::MIN, tag: None },
        };
    let time = piece.first().map_or(0, |operation| operation.call_time);
    let before = Operation {
        client_id: None,
        call_time: time - 1,
        return_time: time - 1,
        op: Event::Begin(found),
        metadata: None,
    };
    piece.insert(0, before);
}
