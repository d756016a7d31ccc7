//! A file that does not become whole: closed, removed, and told with the reason.

use super::super::plan::Fault;
use super::file::{Phase, Step};
use super::{Blocks, Upload};

impl Upload {
    /// A file has failed, or is not wanted any more: it is closed and removed.
    pub(super) fn give_up(&mut self, item: usize, why: Option<String>, blocks: &mut dyn Blocks) {
        let statvfs = self.client.extensions().statvfs;
        let keep_rest = self.how.resume;
        let Some(active) = self.active.get_mut(&item) else {
            return;
        };
        if active.error.is_none() {
            active.error = why.map(|why| Fault {
                path: active.place.clone(),
                why,
                here: false,
                mild: false,
            });
        }
        // One that is about to have its name is as good as whole.
        if matches!(active.phase, Phase::Leaving)
            || (active.phase == Phase::Naming && active.error.is_none())
        {
            return;
        }
        let opening = active.phase == Phase::Opening && active.awaited > 0;
        if opening && active.error.is_none() {
            // Its answer is awaited: only then it can be removed.
            return;
        }
        active.phase = Phase::Leaving;
        self.flowing.remove(&item);
        blocks.passed(item);
        let asks = std::mem::take(&mut active.ask_why) && statvfs && active.there;
        let keeps = keep_rest && !active.salted;
        let removes = std::mem::take(&mut active.there) && !keeps;
        if asks {
            self.ask(item, Step::Space, |client, tag, active| {
                client.space(tag, &active.part);
            });
        }
        let handle = self.active.get_mut(&item).and_then(|a| a.handle.take());
        if let Some(handle) = handle {
            self.ask(item, Step::Tidy, |client, tag, _| {
                client.close(tag, &handle);
            });
        }
        if removes {
            self.ask(item, Step::Tidy, |client, tag, active| {
                client.remove(tag, &active.part);
            });
        }
        self.leave_if_idle(item);
    }

    /// Once all about it is answered, it is gone.
    pub(super) fn leave_if_idle(&mut self, item: usize) {
        let idle = self
            .active
            .get(&item)
            .is_some_and(|active| active.awaited == 0);
        if idle && let Some(fault) = self.active.remove(&item).and_then(|active| active.error) {
            self.faults.push(fault);
        }
    }
}
