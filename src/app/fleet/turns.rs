//! Which nodes may be connected now: those that somebody needs wait for their turn, since logins at one
//! address, connections under way and open files are limited.

use super::super::{App, Effect};
use crate::model::NodeId;
use crate::session::life::Route;
use crate::session::shell::State;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// Logins under way at one address at a time: sshd's MaxStartups drops more than ten.
const PER_ADDRESS: usize = 8;

/// Where a login goes to: through which jump host, host, port.
type Address = (Option<NodeId>, String, u16);

fn address(route: &Route) -> Address {
    (route.jump(), route.host.clone(), route.port)
}

impl App {
    /// Makes sure that a node is connected and has its shell, or will.
    pub(in crate::app) fn want(&mut self, id: NodeId) {
        if let Some(run) = self.fleet.runs.get_mut(&id) {
            run.shell_asked = true;
        }
        self.want_connection(id);
    }

    /// Makes sure that a node is connected, or will be. Its shell is opened if somebody needs it.
    pub(in crate::app) fn want_connection(&mut self, id: NodeId) {
        let up = self.fleet.get(id).is_some_and(|run| run.life.is_up());
        if !up && (self.boot_holds(id) || self.awaits_host_keys(id)) {
            return;
        }
        if let Some(run) = self.fleet.runs.get_mut(&id)
            && run.shell.is_none()
            && !run.wanted
            && (run.life.is_down() || (run.life.is_up() && run.needs_shell()))
        {
            run.wanted = true;
            self.fleet.waiting.push_back(id);
        }
    }

    /// Starts as many connections as may be under way at a time.
    pub(in crate::app) fn connect_some(&mut self, now: Instant) {
        if self.fleet.waiting.is_empty() {
            return;
        }
        let mut under_way = 0;
        let mut open = 0;
        let mut by_address: HashMap<Address, usize> = HashMap::new();
        for run in self.fleet.runs.values() {
            if !run.life.is_down() {
                open += run.files();
            }
            if run.life.is_connecting() {
                under_way += 1;
                *by_address.entry(address(run.life.route())).or_default() += 1;
            }
        }
        let mut kept = VecDeque::new();
        let mut short = false;
        let fanout = usize::from(self.settings.fanout);
        while let Some(id) = self.fleet.waiting.pop_front() {
            let shell = self.fleet.get(id).is_some_and(|run| run.life.route().shell);
            short = shell && open >= self.setup.connections_max;
            if under_way >= fanout || short {
                kept.push_back(id);
                break;
            }
            if !self.way_is_open(id) {
                kept.push_back(id);
                continue;
            }
            let Some(run) = self.fleet.runs.get_mut(&id) else {
                continue;
            };
            if run.life.is_lent() {
                // There is no login.
                open += run.files();
                run.wanted = false;
                self.begin(now, id);
                continue;
            }
            let here = by_address.entry(address(run.life.route())).or_default();
            if *here >= PER_ADDRESS {
                kept.push_back(id);
                continue;
            }
            *here += 1;
            under_way += 1;
            open += run.files();
            run.wanted = false;
            self.begin(now, id);
        }
        kept.append(&mut self.fleet.waiting);
        self.fleet.waiting = kept;
        if short {
            self.make_room(now);
        }
    }

    /// All files that may be open are: an idle connection yields to a node that waits.
    fn make_room(&mut self, now: Instant) {
        let idle = self.fleet.runs.iter().find(|(id, run)| {
            let idle = match &run.shell {
                Some(shell) => shell.state() == State::Idle,
                None => run.life.is_up() && run.life.route().shell,
            };
            idle && !run.is_busy() && !self.loans.are_on(**id)
        });
        if let Some(id) = idle.map(|(id, _)| *id) {
            self.hang_up(now, id);
            self.effects.push_back(Effect::Flush(id));
        } else {
            let waiting: Vec<NodeId> = self.fleet.waiting.iter().copied().collect();
            self.feed_unstick(now, &waiting);
        }
    }

    fn begin(&mut self, now: Instant, id: NodeId) {
        self.fleet.attempts += 1;
        let attempt = self.fleet.attempts;
        let Some(run) = self.fleet.runs.get_mut(&id) else {
            return;
        };
        run.why_down = None;
        let mut wishes = Vec::new();
        if run.connected && run.life.is_up() {
            // The same connection: its news go on under the same number.
            run.began = Some(now);
            run.life.reopen(now, &mut wishes);
            self.grant(now, id, wishes);
            return;
        }
        run.attempt = attempt;
        // Others than copies do not see by themselves that a session does not lend.
        let bare = run.transfers > 0 && !run.needs_shell();
        run.life.set_bare(bare);
        if run.life.is_pausing() {
            run.life.tick(now, &mut wishes);
        } else {
            run.began = Some(now);
            run.life.start(now, &mut wishes);
        }
        self.grant(now, id, wishes);
    }
}
