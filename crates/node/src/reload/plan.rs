//! What has to be done to get from one configuration to another. Pure: nothing is opened, closed or asked.
//!
//! Realms and roles are the same by their names. Transports are the same by what they listen on, whatever they are
//! called; those left over, by worker and ID. Workers are the same by the ID that was given to them; without one by a
//! transport that is the same; and else by their number.

use transom_config::{Controller, ListenEndpoint, Node, Realm, RouterWorker, Transport, Worker};

use super::address::{Meeting, meeting};
use super::same;

/// The way from one configuration to another. Numbers count the workers, and the transports of all workers, of the old
/// configuration in its order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// One for each worker of the new configuration.
    pub(crate) workers: Vec<WorkerStep>,
    /// The workers that are no more.
    pub(crate) removed_workers: Vec<usize>,
    /// One for each transport of the new configuration.
    pub(crate) transports: Vec<TransportStep>,
    /// The transports that are no more.
    pub(crate) removed: Vec<usize>,
    /// What changes in the realms and roles, in words.
    pub(crate) realms: Vec<String>,
    /// What is different and waits for the next start, in words.
    pub(crate) later: Vec<String>,
}

/// What becomes of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkerStep {
    /// It is new.
    Add,
    /// It stays as it is.
    Keep(usize),
    /// It gets other realms.
    Change(usize),
}

/// What becomes of a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TransportStep {
    /// It stays as it is.
    Keep(usize),
    /// It keeps its socket and serves new connections otherwise.
    Change(usize),
    /// It gets a new socket that takes the place of the old one in one step.
    Replace(usize),
    /// It is bound.
    Bind {
        /// The transport that it was, at another address.
        was: Option<usize>,
        /// The transports whose sockets have to be closed first.
        after: Vec<usize>,
    },
}

/// The router workers of a node.
pub(crate) fn routers(node: &Node) -> impl Iterator<Item = &RouterWorker> {
    node.routers()
}

/// The transports of all workers in order, each with the number of its worker.
pub(crate) fn transports(node: &Node) -> impl Iterator<Item = (usize, &Transport)> {
    routers(node)
        .enumerate()
        .flat_map(|(worker, config)| config.transports.iter().map(move |transport| (worker, transport)))
}

/// Leaves a transport out.
pub(crate) fn without_transport(node: &mut Node, mut number: usize) {
    for worker in &mut node.workers {
        let Worker::Router(worker) = worker else { continue };
        if number < worker.transports.len() {
            worker.transports.remove(number);
            return;
        }
        number -= worker.transports.len();
    }
}

impl Plan {
    pub(crate) fn between(old: &Node, new: &Node) -> Plan {
        let (workers, removed_workers) = workers(old, new);
        let (transports, removed) = Matching::new(old, new, &workers).steps();
        let realms = realms(old, new, &workers, &removed_workers);
        let later = later(&old.controller, &new.controller);
        Plan { workers, removed_workers, transports, removed, realms, later }
    }

    /// Whether the node stays as it is.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        let kept = |step: &TransportStep| matches!(step, TransportStep::Keep(_));
        self.realms.is_empty()
            && self.removed.is_empty()
            && self.removed_workers.is_empty()
            && self.workers.iter().all(|step| matches!(step, WorkerStep::Keep(_)))
            && self.transports.iter().all(kept)
    }
}

impl WorkerStep {
    /// The worker that it was.
    pub(crate) fn was(self) -> Option<usize> {
        match self {
            WorkerStep::Add => None,
            WorkerStep::Keep(old) | WorkerStep::Change(old) => Some(old),
        }
    }
}

fn workers(old: &Node, new: &Node) -> (Vec<WorkerStep>, Vec<usize>) {
    let (old, new): (Vec<_>, Vec<_>) = (routers(old).collect(), routers(new).collect());
    let mut was = vec![None; new.len()];
    let mut pair = |fits: &dyn Fn(&RouterWorker, &RouterWorker) -> bool| {
        for (index, worker) in new.iter().enumerate() {
            let free = |(number, other): &(usize, &&RouterWorker)| {
                was.iter().all(|was| *was != Some(*number)) && fits(other, worker)
            };
            let found = old.iter().enumerate().find(free).map(|(number, _)| number);
            if let Some(was) = was.get_mut(index).filter(|was| was.is_none()) {
                *was = found;
            }
        }
    };
    let same_id = |old: &RouterWorker, new: &RouterWorker| old.id == new.id;
    pair(&|old, new| same_id(old, new) && !is_number(&new.id));
    pair(&|old, new| same_id(old, new) && meet(old, new));
    pair(&meet);
    pair(&same_id);
    let step = |(worker, was): (&&RouterWorker, &Option<usize>)| match was {
        None => WorkerStep::Add,
        Some(number) if old.get(*number).is_some_and(|old| same_realms(&old.realms, &worker.realms)) => {
            WorkerStep::Keep(*number)
        }
        Some(number) => WorkerStep::Change(*number),
    };
    let steps = new.iter().zip(&was).map(step).collect();
    let removed = (0..old.len()).filter(|number| !was.contains(&Some(*number))).collect();
    (steps, removed)
}

/// Whether an ID is only the number of the worker in its file, which others have when one comes or goes before them.
fn is_number(id: &str) -> bool {
    id.strip_prefix("worker").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether clients of both find them at an address that is the same.
fn meet(old: &RouterWorker, new: &RouterWorker) -> bool {
    old.transports
        .iter()
        .any(|old| new.transports.iter().any(|new| same_address(&old.endpoint, &new.endpoint)))
}

fn same_realms(old: &[Realm], new: &[Realm]) -> bool {
    let found = |realm: &Realm| new.iter().any(|other| same::realm(realm, other));
    old.len() == new.len() && old.iter().all(found)
}

/// Which transport was which.
struct Matching<'c> {
    old: Vec<(usize, &'c Transport)>,
    /// Each with the worker that its worker was.
    new: Vec<(Option<usize>, &'c Transport)>,
    /// The old one with the same address, for each new one.
    address: Vec<Option<usize>>,
    /// The old one with the same name, for each new one without.
    name: Vec<Option<usize>>,
}

impl<'c> Matching<'c> {
    fn new(old: &'c Node, new: &'c Node, workers: &[WorkerStep]) -> Self {
        let was = |worker: usize| workers.get(worker).and_then(|step| step.was());
        let new: Vec<_> = transports(new).map(|(worker, transport)| (was(worker), transport)).collect();
        let old: Vec<_> = transports(old).collect();
        let none = vec![None; new.len()];
        let mut matching = Matching { old, new, address: none.clone(), name: none };
        // Several can listen on one address (`shared`): then the name tells which is which, if it can.
        let at_one_address = |old: &(usize, &Transport), new: &(Option<usize>, &Transport)| {
            same_address(&old.1.endpoint, &new.1.endpoint)
        };
        matching.pair(|m| &mut m.address, |old, new| same_name(old, new) && at_one_address(old, new));
        matching.pair(|m| &mut m.address, at_one_address);
        matching.pair(|m| &mut m.name, same_name);
        matching
    }

    /// Pairs those that have no partner yet.
    fn pair(
        &mut self,
        kind: impl Fn(&mut Self) -> &mut Vec<Option<usize>>,
        fits: impl Fn(&(usize, &Transport), &(Option<usize>, &Transport)) -> bool,
    ) {
        for index in 0..self.new.len() {
            if self.partner(index).is_some() {
                continue;
            }
            let free = |(number, old): &(usize, &(usize, &Transport))| {
                !self.is_taken(*number) && self.new.get(index).is_some_and(|new| fits(old, new))
            };
            let found = self.old.iter().enumerate().find(free).map(|(number, _)| number);
            if let Some(place) = kind(self).get_mut(index) {
                *place = found;
            }
        }
    }

    fn partner(&self, index: usize) -> Option<usize> {
        let at = |list: &[Option<usize>]| list.get(index).copied().flatten();
        at(&self.address).or_else(|| at(&self.name))
    }

    fn is_taken(&self, number: usize) -> bool {
        self.address.iter().chain(&self.name).any(|taken| *taken == Some(number))
    }

    fn steps(self) -> (Vec<TransportStep>, Vec<usize>) {
        let met: Vec<_> = self.address.iter().zip(&self.new).map(|(old, new)| self.met(*old, new)).collect();
        // The sockets that do not stay, whatever becomes of their transports.
        let goes = |number: &usize| {
            let stays = self.address.iter().zip(&met).any(|(old, met)| {
                *old == Some(*number) && matches!(met, Some(Meeting::Same | Meeting::SamePath))
            });
            !stays
        };
        let going: Vec<usize> = (0..self.old.len()).filter(goes).collect();
        let steps = self.new.iter().enumerate().zip(&met).map(|((index, new), met)| {
            match (met, self.address.get(index).copied().flatten()) {
                (Some(Meeting::Same), Some(old)) if self.is_same(old, new) => TransportStep::Keep(old),
                (Some(Meeting::Same), Some(old)) => TransportStep::Change(old),
                (Some(Meeting::SamePath), Some(old)) => TransportStep::Replace(old),
                _ => {
                    let in_the_way = |number: &usize| {
                        let endpoint = self.old.get(*number).map(|(_, old)| &old.endpoint);
                        endpoint.is_some_and(|old| meeting(old, &new.1.endpoint) != Meeting::Apart)
                    };
                    let after = going.iter().copied().filter(in_the_way).collect();
                    TransportStep::Bind { was: self.partner(index), after }
                }
            }
        });
        let steps = steps.collect();
        let removed = (0..self.old.len()).filter(|number| !self.is_taken(*number)).collect();
        (steps, removed)
    }

    fn met(&self, old: Option<usize>, new: &(Option<usize>, &Transport)) -> Option<Meeting> {
        let (_, old) = self.old.get(old?)?;
        Some(meeting(&old.endpoint, &new.1.endpoint))
    }

    fn is_same(&self, old: usize, new: &(Option<usize>, &Transport)) -> bool {
        self.old.get(old).is_some_and(|(worker, old)| new.0 == Some(*worker) && same::transport(old, new.1))
    }
}

fn same_name(old: &(usize, &Transport), new: &(Option<usize>, &Transport)) -> bool {
    new.0 == Some(old.0) && old.1.id == new.1.id
}

fn same_address(old: &ListenEndpoint, new: &ListenEndpoint) -> bool {
    matches!(meeting(old, new), Meeting::Same | Meeting::SamePath | Meeting::SameAddress)
}

fn realms(old: &Node, new: &Node, workers: &[WorkerStep], removed: &[usize]) -> Vec<String> {
    let mut words = Vec::new();
    let old: Vec<_> = routers(old).collect();
    for (worker, step) in routers(new).zip(workers) {
        let before = step.was().and_then(|number| old.get(number));
        match before {
            None => words.push(format!("worker '{}' added", worker.id)),
            Some(before) if before.id != worker.id => {
                words.push(format!("worker '{}' was '{}'", worker.id, before.id));
            }
            Some(_) => {}
        }
        let before = before.map_or(&[][..], |before| &before.realms);
        changed_realms(before, &worker.realms, &mut words);
    }
    for worker in removed.iter().filter_map(|number| old.get(*number)) {
        words.push(format!("worker '{}' removed", worker.id));
        changed_realms(&worker.realms, &[], &mut words);
    }
    words
}

fn changed_realms(old: &[Realm], new: &[Realm], words: &mut Vec<String>) {
    for realm in new {
        match old.iter().find(|other| other.name == realm.name) {
            None => words.push(format!("realm '{}' added", realm.name)),
            Some(before) if same::realm(before, realm) => {}
            Some(before) => words.push(format!("realm '{}': {}", realm.name, changed_roles(before, realm))),
        }
    }
    for realm in old.iter().filter(|realm| new.iter().all(|other| other.name != realm.name)) {
        words.push(format!("realm '{}' removed", realm.name));
    }
}

fn changed_roles(old: &Realm, new: &Realm) -> String {
    let mut words = Vec::new();
    for role in &new.roles {
        match old.roles.iter().find(|other| other.name == role.name) {
            None => words.push(format!("role '{}' added", role.name)),
            Some(before) if same::role(before, role) => {}
            Some(_) => words.push(format!("role '{}' changed", role.name)),
        }
    }
    for role in old.roles.iter().filter(|role| new.roles.iter().all(|other| other.name != role.name)) {
        words.push(format!("role '{}' removed", role.name));
    }
    if !same::realm_itself(old, new) {
        words.push("options changed".to_owned());
    }
    words.join(", ")
}

/// What of the controller is different and cannot be changed now.
fn later(old: &Controller, new: &Controller) -> Vec<String> {
    let mut words = Vec::new();
    let mut different = |is, key: &str| {
        if is {
            words.push(format!("{key} takes effect at the next start"));
        }
    };
    different(old.options.threads != new.options.threads, "controller.options.threads");
    different(old.id != new.id, "controller.id");
    different(old.options.title != new.options.title, "controller.options.title");
    different(old.options.shutdown != new.options.shutdown, "controller.options.shutdown");
    // All others by one name, but for those that can be changed.
    let mut named = applied(old, new);
    named.id.clone_from(&new.id);
    named.options.threads = new.options.threads;
    named.options.title.clone_from(&new.options.title);
    named.options.shutdown.clone_from(&new.options.shutdown);
    different(!same::controller(&named, new), "what else changed in 'controller'");
    words
}

/// The controller that is in effect after a reload: what waits for the next start is as it was.
pub(crate) fn applied(old: &Controller, new: &Controller) -> Controller {
    let mut applied = old.clone();
    applied.reload = new.reload;
    applied.options.drain_timeout = new.options.drain_timeout;
    applied
}

#[cfg(test)]
mod tests;
