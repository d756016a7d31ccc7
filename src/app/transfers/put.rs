//! The files that are put: the plan of what goes where, and the pieces that nodes ask for.

use super::super::App;
use super::cache::{Cache, Others};
use super::disk::{DiskAsk, FileKey, Found, FoundKind, Listing};
use super::over::FAULTS_TOLD;
use super::{Engine, Member, Work};
use crate::error::Error;
use crate::model::Outcome;
use crate::session::sftp::plan::{Folder, Item, Plan, What, is_part_name, name};
use crate::session::sftp::upload::{Blocks, Supply};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// What is put, for all nodes.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) plan: Rc<Plan>,
    /// Where each item is here.
    pub(super) paths: Vec<Arc<Path>>,
    /// The key of the first item; the others follow.
    pub(super) first_key: u64,
    pub(super) cache: Cache,
    pub(super) size: u64,
}

/// A plan, and where its items are here.
#[derive(Debug)]
struct Planned {
    plan: Plan,
    paths: Vec<Arc<Path>>,
    /// What is left out, and why.
    left_out: Vec<String>,
}

/// Makes the plan of what was found, of so much that was named; or says why there is none.
fn plan(found: Vec<Found>, named: usize) -> Result<Planned, String> {
    let mut left_out = Vec::new();
    let mut seen = HashSet::new();
    let (mut folders, mut items) = (Vec::new(), Vec::new());
    let mut parts = 0;
    for found in found {
        // In a folder; one that was named is meant.
        if found.goes.contains(&b'/') && is_part_name(name(&found.goes)) {
            parts += 1;
            continue;
        }
        if matches!(found.kind, FoundKind::Other) {
            let path = found.path.display();
            left_out.push(format!("{path}: neither a file, a folder nor a link"));
            continue;
        }
        if !seen.insert(found.goes.clone()) {
            let goes = String::from_utf8_lossy(&found.goes).into_owned();
            return Err(format!("two of them would be called {goes}"));
        }
        match found.kind {
            FoundKind::Folder(_) => folders.push(found),
            _ => items.push(found),
        }
    }
    if parts > 0 {
        left_out.push(format!("what copies have left: {parts} .dust-*.part"));
    }
    let depth = |path: &[u8]| path.iter().filter(|byte| **byte == b'/').count();
    folders.sort_by_key(|found| depth(&found.goes));
    let index: HashMap<Vec<u8>, usize> = folders
        .iter()
        .enumerate()
        .map(|(at, found)| (found.goes.clone(), at))
        .collect();
    let parent = |path: &[u8]| {
        let at = path.iter().rposition(|byte| *byte == b'/')?;
        index.get(path.get(..at)?).copied()
    };
    let mut plan = Plan::default();
    let mut paths = Vec::new();
    for found in folders {
        if let FoundKind::Folder(facts) = found.kind {
            plan.folders.push(Folder {
                parent: parent(&found.goes),
                path: found.goes,
                facts,
            });
        }
    }
    for found in items {
        let what = match found.kind {
            FoundKind::File(facts) => What::File(facts),
            FoundKind::Link(to) => What::Link(to),
            FoundKind::Folder(_) | FoundKind::Other => continue,
        };
        plan.items.push(Item {
            parent: parent(&found.goes),
            path: found.goes,
            what,
        });
        paths.push(Arc::from(found.path));
    }
    plan.missing = named.saturating_sub(plan.tops());
    Ok(Planned {
        plan,
        paths,
        left_out,
    })
}

impl App {
    /// It is known what there is to put.
    pub(super) fn files_listed(&mut self, now: Instant, job: u64, listing: Listing) {
        let Listing {
            found,
            wrong,
            named,
        } = listing;
        let lacking = !wrong.is_empty();
        for (path, why) in wrong.iter().take(FAULTS_TOLD) {
            let path = path.display();
            self.error(&Error::failed(format!("put: {path}: {why}")));
        }
        if let more @ 1.. = wrong.len().saturating_sub(FAULTS_TOLD) {
            let text = format!("put: {more} more cannot be copied");
            self.error(&Error::failed(text));
        }
        let nothing = found.is_empty() && lacking;
        let planned = match plan(found, named) {
            _ if nothing => None,
            Ok(planned) => {
                for text in planned.left_out.iter().take(FAULTS_TOLD) {
                    self.notice(&format!("put: left out: {text}"));
                }
                if let more @ 1.. = planned.left_out.len().saturating_sub(FAULTS_TOLD) {
                    self.notice(&format!("put: left out: {more} more"));
                }
                Some(planned)
            },
            Err(why) => {
                self.error(&Error::failed(format!("put: {why}")));
                None
            },
        };
        let first_key = self.transfers.last_key + 1;
        let others = self.transfers.list.len().saturating_sub(1);
        let Some(transfer) = self.transfers.get_mut(job) else {
            return;
        };
        transfer.lacking = lacking;
        let members = 0..transfer.members.len();
        let Some(Planned { plan, paths, .. }) = planned else {
            for at in members {
                self.member_over(now, job, at, Outcome::Exit(1));
            }
            return;
        };
        let count = paths.len();
        transfer.work = Work::Put(Box::new(Source {
            size: plan.size(),
            plan: Rc::new(plan),
            paths,
            first_key,
            cache: Cache::new(others),
        }));
        self.transfers.last_key += count as u64;
        for at in members {
            self.begin_member(job, at);
        }
    }
}

/// What one node sees of it.
pub(super) struct View<'a> {
    pub(super) source: &'a mut Source,
    pub(super) members: &'a [Member],
    pub(super) me: usize,
    /// The first piece that this node may need.
    pub(super) first_needed: (usize, u64),
    /// The transfer is young: nodes that are not connected yet are waited for.
    pub(super) young: bool,
    /// Pieces that have to be read.
    pub(super) asks: Vec<(usize, u64, DiskAsk)>,
}

struct Rest<'a> {
    members: &'a [Member],
    me: usize,
    young: bool,
}

impl Rest<'_> {
    fn others(
        &self,
    ) -> impl Iterator<Item = (usize, Option<&crate::session::sftp::upload::Upload>)> {
        let all = self.members.iter().enumerate();
        all.filter(|(at, member)| *at != self.me && !member.over)
            .filter_map(|(at, member)| match &member.engine {
                Some(Engine::Up(upload)) => Some((at, Some(&**upload))),
                Some(Engine::Down(_)) => None,
                None => self.young.then_some((at, None)),
            })
    }
}

impl Others for Rest<'_> {
    fn needing(&self, item: usize, block: u64) -> Vec<usize> {
        self.others()
            .filter(|(_, upload)| upload.is_none_or(|upload| upload.needs(item, block)))
            .map(|(at, _)| at)
            .collect()
    }

    fn is_last(&self, first_needed: (usize, u64)) -> bool {
        self.others()
            .all(|(_, upload)| upload.is_some_and(|upload| upload.first_needed() >= first_needed))
    }
}

impl Blocks for View<'_> {
    fn block(&mut self, item: usize, block: u64) -> Supply {
        let Some(What::File(facts)) = self.source.plan.items.get(item).map(|item| &item.what)
        else {
            return Supply::Failed("it is no file".to_owned());
        };
        let facts = *facts;
        let rest = Rest {
            members: self.members,
            me: self.me,
            young: self.young,
        };
        let piece = (item, block);
        let cache = &mut self.source.cache;
        let (supply, read) = cache.get(self.me, self.first_needed, piece, facts.size, &rest);
        if read && let Some(path) = self.source.paths.get(item) {
            let ask = DiskAsk::Read {
                key: FileKey(self.source.first_key + item as u64),
                path: Arc::clone(path),
                facts,
                block,
            };
            self.asks.push((item, block, ask));
        }
        supply
    }

    fn taken(&mut self, item: usize, block: u64) {
        self.source.cache.taken(self.me, item, block);
    }

    fn passed(&mut self, item: usize) {
        self.source.cache.passed(self.me, item);
    }
}
