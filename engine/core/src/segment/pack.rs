use std::collections::{BTreeMap, HashMap, HashSet};

use automerge::{Change, ChangeHash};

use super::{FIRST_CHANGE, SegmentError, document, join};

/// A finished segment, or some of its writers' part of it, and which of the parts that were given it contains, ascending.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packed {
    /// Its chains, joined; a saved document where these could not be told apart again.
    pub content: Vec<u8>,
    /// The places of the parts of which it holds every change.
    pub holds: Vec<usize>,
}

/// Packs parts of a segment (each the changes of one change or snapshot) into as few as have at most `most` bytes.
///
/// Each holds whole chains, from the fixed first change on. Of a fork the longest branch is in one (of two equal ones
/// that with the smaller hash); what stands on another branch, or behind a change that is missing, is in none.
///
/// # Errors
/// [`SegmentError::Damaged`] if Automerge refuses what it has read before.
pub fn pack(parts: &[Vec<Change>], most: usize) -> Result<Vec<Packed>, SegmentError> {
    let first = super::changes(FIRST_CHANGE)?.first().map(Change::hash);
    let mut all: HashMap<ChangeHash, &Change> = HashMap::new();
    for change in parts.iter().flatten().filter(|change| Some(change.hash()) != first) {
        all.insert(change.hash(), change);
    }
    let chains = chains(&all, first);
    let groups: Vec<Vec<Vec<&Change>>> = groups(parts, &chains, first)
        .iter()
        .map(|writers| {
            let chains = writers.iter().filter_map(|writer| chains.get(writer));
            chains.map(|chain| chain.iter().filter_map(|hash| all.get(hash).copied()).collect()).collect()
        })
        .collect();
    let mut open = together(&groups, most);
    let mut packed = Vec::new();
    while let Some(some) = open.pop() {
        let chains: Vec<Vec<&Change>> = some.iter().filter_map(|n| groups.get(*n)).flatten().cloned().collect();
        let inside: HashSet<ChangeHash> = chains.iter().flatten().map(|change| change.hash()).collect();
        let content = match join(&chains) {
            Some(joined) => Some(joined),
            None => {
                let (saved, left_out) = document([chains.into_iter().flatten().cloned().collect()])?;
                (left_out == 0).then_some(saved)
            }
        };
        let Some(content) = content.filter(|content| content.len() <= most) else {
            // What can't be halved stays as it is.
            if some.len() > 1 {
                let (left, right) = some.split_at(some.len() / 2);
                open.extend([left.to_vec(), right.to_vec()]);
            }
            continue;
        };
        let holds = |part: &Vec<Change>| {
            let mut own = part.iter().map(Change::hash).filter(|hash| Some(*hash) != first).peekable();
            own.peek().is_some() && own.all(|hash| inside.contains(&hash))
        };
        let holds = parts.iter().enumerate().filter(|(_, part)| holds(part)).map(|(n, _)| n).collect();
        packed.push(Packed { content, holds });
    }
    packed.sort_by(|a, b| a.holds.cmp(&b.holds));
    Ok(packed)
}

/// Each writer's changes from the fixed first one on, without a gap; of a fork the longest branch.
fn chains(all: &HashMap<ChangeHash, &Change>, first: Option<ChangeHash>) -> BTreeMap<Vec<u8>, Vec<ChangeHash>> {
    let mut behind: HashMap<ChangeHash, Vec<ChangeHash>> = HashMap::new();
    let mut roots: BTreeMap<Vec<u8>, Vec<ChangeHash>> = BTreeMap::new();
    for (hash, change) in all {
        match change.deps() {
            [dep] if Some(*dep) == first => roots.entry(change.actor_id().to_bytes().to_vec()).or_default().push(*hash),
            [dep] if all.get(dep).is_some_and(|before| before.actor_id() == change.actor_id()) => {
                behind.entry(*dep).or_default().push(*hash);
            }
            // Nobody writes one that depends on anything else.
            _ => {}
        }
    }
    roots.into_iter().map(|(writer, roots)| (writer, longest(&roots, &behind))).collect()
}

/// The longest path; of two equal ones that with the smaller hash where they part.
fn longest(roots: &[ChangeHash], behind: &HashMap<ChangeHash, Vec<ChangeHash>>) -> Vec<ChangeHash> {
    // From the end to the beginning, without recursion: a chain may have thousands of links.
    let mut order: Vec<ChangeHash> = roots.to_vec();
    let mut at = 0;
    while let Some(hash) = order.get(at) {
        order.extend(behind.get(hash).into_iter().flatten());
        at += 1;
    }
    let mut lengths: HashMap<ChangeHash, usize> = HashMap::new();
    let best = |all: &[ChangeHash], lengths: &HashMap<ChangeHash, usize>| {
        let rank = |hash: &ChangeHash| (lengths.get(hash).copied().unwrap_or(0), std::cmp::Reverse(hash.0));
        all.iter().copied().max_by_key(rank)
    };
    for hash in order.iter().rev() {
        let next = behind.get(hash).and_then(|all| best(all, &lengths));
        let length = next.and_then(|next| lengths.get(&next)).map_or(1, |length| length + 1);
        lengths.insert(*hash, length);
    }
    let mut path = Vec::new();
    let mut next = best(roots, &lengths);
    while let Some(hash) = next {
        path.push(hash);
        next = behind.get(&hash).and_then(|all| best(all, &lengths));
    }
    path
}

/// Writers that one part holds changes of stay together.
fn groups(
    parts: &[Vec<Change>],
    chains: &BTreeMap<Vec<u8>, Vec<ChangeHash>>,
    first: Option<ChangeHash>,
) -> Vec<Vec<Vec<u8>>> {
    let mut groups: Vec<Vec<Vec<u8>>> = chains.keys().map(|writer| vec![writer.clone()]).collect();
    for part in parts {
        let writers: HashSet<&[u8]> =
            part.iter().filter(|c| Some(c.hash()) != first).map(|c| c.actor_id().to_bytes()).collect();
        if writers.len() < 2 {
            continue;
        }
        let (mut joined, rest): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| group.iter().any(|w| writers.contains(&w[..])));
        groups = rest;
        groups.push(joined.drain(..).flatten().collect());
    }
    groups.sort();
    groups
}

/// Groups side by side, by their places, as long as they are about as large as one may be.
fn together(groups: &[Vec<Vec<&Change>>], most: usize) -> Vec<Vec<usize>> {
    let (mut out, mut size): (Vec<Vec<usize>>, usize) = (Vec::new(), 0);
    for (n, group) in groups.iter().enumerate() {
        let bytes: usize = group.iter().flatten().map(|change| change.raw_bytes().len()).sum();
        match out.last_mut().filter(|_| size + bytes <= most) {
            Some(last) => {
                last.push(n);
                size += bytes;
            }
            None => {
                out.push(vec![n]);
                size = bytes;
            }
        }
    }
    out
}
