//! A running node takes over another configuration, all of it or nothing.
//!
//! First a [`Plan`]: what is different. Then everything that can fail: handlers are composed, new addresses bound, and
//! new socket files made under temporary names, while the node goes on. Only where an address can be had by nobody else
//! before the node gives it back, that happens next, and is undone when it fails. What follows cannot fail: realms and
//! roles change, sockets that stay get other handlers, and what is no more wanted is closed.
//!
//! Connections that are open go on with what they had, also those of a transport that is removed: only what accepts new
//! ones changes. HTTP ends them with the request at hand.

mod address;
pub(crate) mod plan;
mod same;
mod words;

use std::sync::Arc;
use std::time::Duration;

use transom_base::Deadline;
use transom_config::{Node, Place, Transport};
use transom_endpoint::{Accepting, SocketId, UnixReplacement};
use transom_router::Router;

use crate::endpoints::{self, Bound};
use crate::running::as_run;
use crate::{RunningNode, RunningTransport, StartError};
use plan::{Plan, TransportStep, WorkerStep, transports, without_transport};
pub(crate) use words::counted;

/// How long everything together may take to be made ready, such as the look-up of host names.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a reload changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// What is different from before, a sentence each.
    pub changes: Vec<String>,
    /// What is different in the configuration and takes effect at the next start, a sentence each.
    pub later: Vec<String>,
}

/// Why a node goes on as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// Something that the new configuration asks for cannot be had.
    #[error(transparent)]
    Refused(#[from] StartError),
    /// It was not ready in time.
    #[error("the new configuration could not be made ready within {} s", PREPARE_TIMEOUT.as_secs())]
    Late,
    /// Something cannot be had, and addresses that were given back for the attempt could not be had again either.
    #[error("{cause}; and no longer listening on what had to be closed for it: {lost}")]
    Lost {
        /// What cannot be had.
        cause: StartError,
        /// The transports that do not listen any more, and why.
        lost: String,
    },
}

impl ReloadError {
    fn cause(&self) -> Option<&StartError> {
        match self {
            ReloadError::Refused(cause) | ReloadError::Lost { cause, .. } => Some(cause),
            ReloadError::Late => None,
        }
    }

    /// The place in the configuration that it is about.
    pub fn place(&self) -> Option<&Place> {
        self.cause().and_then(StartError::place)
    }

    /// What is wrong, without the place.
    pub(crate) fn what(&self) -> String {
        self.cause().map_or_else(|| self.to_string(), StartError::what)
    }
}

/// A transport of the new configuration, before it is served.
struct Next<'c> {
    worker: &'c str,
    transport: &'c Transport,
    step: TransportStep,
    /// Absent where nothing about it changes.
    accepting: Option<Accepting>,
    socket: Socket,
}

enum Socket {
    /// The present one.
    Present,
    /// One that is to take the place of the present one.
    Beside(Box<UnixReplacement>),
    /// A new one.
    New(Bound),
    /// A new one, once others are closed.
    Later,
}

impl RunningNode {
    /// Takes over another configuration, all of it or nothing. Not to be called twice at once, and not to be given up
    /// halfway but to stop the node.
    ///
    /// # Errors
    /// What cannot be had. The node then goes on as it was.
    pub async fn reload(&mut self, new: &Node) -> Result<Applied, ReloadError> {
        let new = &as_run(new)?;
        let plan = Plan::between(&self.config, new);
        let routers = self.routers_of(new, &plan);
        let preparing = Deadline::after(PREPARE_TIMEOUT).run(self.prepare(new, &plan, &routers)).await;
        let mut next = preparing.map_err(|_| ReloadError::Late)??;
        self.take_over(&mut next).await?;
        self.tls.reload();
        Ok(self.commit(new, plan, routers, next).await)
    }

    /// The router of each worker: the present one, where there is one.
    fn routers_of(&self, new: &Node, plan: &Plan) -> Vec<Arc<Router>> {
        let present = |step: &WorkerStep| step.was().and_then(|number| self.routers.get(number)).cloned();
        let of = |(config, step): (&transom_config::RouterWorker, &WorkerStep)| {
            present(step).unwrap_or_else(|| Router::new(&config.realms))
        };
        plan::routers(new).zip(&plan.workers).map(of).collect()
    }

    /// Makes everything ready that can be had while the node goes on.
    async fn prepare<'c>(
        &self,
        new: &'c Node,
        plan: &Plan,
        routers: &[Arc<Router>],
    ) -> Result<Vec<Next<'c>>, StartError> {
        let mut next = Vec::new();
        for ((number, transport), step) in transports(new).zip(&plan.transports) {
            let Some(router) = routers.get(number) else { continue };
            let accepting = match step {
                TransportStep::Keep(_) => None,
                _ => Some(self.continued(step, self.accepting(transport, router)?)),
            };
            let socket = match step {
                TransportStep::Keep(_) | TransportStep::Change(_) => Socket::Present,
                TransportStep::Replace(old) => self.beside(*old, transport).await?,
                TransportStep::Bind { after, .. } if after.is_empty() => {
                    Socket::New(self.bind(&transport.endpoint).await?)
                }
                TransportStep::Bind { .. } => Socket::Later,
            };
            let worker = plan::routers(new).nth(number).map_or("", |worker| &worker.id);
            next.push(Next { worker, transport, step: step.clone(), accepting, socket });
        }
        Ok(next)
    }

    /// A socket file made ready to take the place of that of a present transport.
    async fn beside(&self, old: usize, transport: &Transport) -> Result<Socket, StartError> {
        let file = self.listening.get(old).and_then(|old| old.file);
        let replacement = file.map(|file| endpoints::replacement(&transport.endpoint, file)).transpose()?;
        match replacement.flatten() {
            Some(replacement) => Ok(Socket::Beside(Box::new(replacement))),
            // There is nothing to take the place of.
            None => Ok(Socket::New(self.bind(&transport.endpoint).await?)),
        }
    }

    /// A transport that goes on counts on. Its limit is moved when it is served.
    fn continued(&self, step: &TransportStep, accepting: Accepting) -> Accepting {
        let was = match step {
            TransportStep::Keep(old) | TransportStep::Change(old) | TransportStep::Replace(old) => Some(*old),
            TransportStep::Bind { was, .. } => *was,
        };
        match was.and_then(|old| self.transports.get(old)) {
            Some(old) => Accepting { counters: old.counters.clone(), limit: old.limit.clone(), ..accepting },
            None => accepting,
        }
    }

    /// Gives addresses back and binds what needs them, then moves socket files to their places. Undoes it all when
    /// something cannot be had.
    async fn take_over(&mut self, next: &mut [Next<'_>]) -> Result<(), ReloadError> {
        let (mut closed, mut replaced) = (Vec::new(), Vec::new());
        let Err(cause) = self.try_to_take_over(next, &mut closed, &mut replaced).await else { return Ok(()) };
        let mut lost = Vec::new();
        for (number, file) in replaced {
            if let Err(error) = self.put_back(number, file).await {
                lost.push((number, error));
            }
        }
        for one in next {
            if let Socket::New(bound) = std::mem::replace(&mut one.socket, Socket::Present) {
                bound.listener.close().await;
            }
        }
        for number in closed {
            if let Err(error) = self.open_again(number).await {
                lost.push((number, error));
            }
        }
        if lost.is_empty() {
            return Err(ReloadError::Refused(cause));
        }
        Err(ReloadError::Lost { cause, lost: self.forget(lost) })
    }

    /// Notes in `closed` and `replaced` what is to be undone when it fails.
    async fn try_to_take_over(
        &self,
        next: &mut [Next<'_>],
        closed: &mut Vec<usize>,
        replaced: &mut Vec<(usize, SocketId)>,
    ) -> Result<(), StartError> {
        for one in &*next {
            if let TransportStep::Bind { after, .. } = &one.step {
                closed.extend(after);
            }
        }
        closed.sort_unstable();
        closed.dedup();
        let closing = || closed.iter().filter_map(|number| self.listening.get(*number));
        closing().for_each(|listening| listening.control.stop());
        for listening in closing() {
            listening.control.stopped().await;
        }
        for one in &mut *next {
            if let Socket::Later = one.socket {
                one.socket = Socket::New(self.bind(&one.transport.endpoint).await?);
            }
        }
        for one in next {
            let TransportStep::Replace(number) = one.step else { continue };
            let Socket::Beside(replacement) = std::mem::replace(&mut one.socket, Socket::Present) else {
                continue;
            };
            let bound = endpoints::publish(*replacement, &one.transport.endpoint)?;
            replaced.extend(bound.file.map(|file| (number, file)));
            one.socket = Socket::New(bound);
        }
        Ok(())
    }

    /// A socket file took the place of another and is to be replaced by one as that was.
    async fn put_back(&mut self, number: usize, taken_by: SocketId) -> Result<(), StartError> {
        let Some((_, old)) = transports(&self.config).nth(number) else { return Ok(()) };
        let Some(replacement) = endpoints::replacement(&old.endpoint, taken_by)? else { return Ok(()) };
        let bound = endpoints::publish(replacement, &old.endpoint)?;
        self.go_on(number, bound).await;
        Ok(())
    }

    /// A socket was closed and is to be there as before.
    async fn open_again(&mut self, number: usize) -> Result<(), StartError> {
        let Some((_, old)) = transports(&self.config).nth(number) else { return Ok(()) };
        let bound = self.transports.get(number).map_or(&[][..], |old| &old.bound);
        let bound = self.bind(&endpoints::at(&old.endpoint, bound)).await?;
        self.go_on(number, bound).await;
        Ok(())
    }

    /// A transport accepts as before, on another socket.
    async fn go_on(&mut self, number: usize, bound: Bound) {
        let Some(listening) = self.listening.get(number) else { return };
        let accepting = (*listening.control.current()).clone();
        if let Some(transport) = self.transports.get_mut(number) {
            (transport.bound, transport.status) = bound.facts();
        }
        let new = self.listen(bound, accepting);
        let Some(place) = self.listening.get_mut(number) else { return };
        let old = std::mem::replace(place, new);
        old.control.stop();
        old.control.stopped().await;
    }

    /// Transports do not listen any more and are as if they had been removed; what there is to say about it.
    fn forget(&mut self, mut lost: Vec<(usize, StartError)>) -> String {
        lost.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        let mut words = Vec::new();
        for (number, error) in lost {
            if number < self.transports.len() && number < self.listening.len() {
                let transport = self.transports.remove(number);
                self.listening.remove(number).control.stop();
                without_transport(&mut self.config, number);
                words.push(format!("transport '{}' ({error})", transport.id));
                self.retired.push(transport);
            }
        }
        self.publish();
        words.join("; ")
    }

    /// Does what cannot fail, and says what it did.
    async fn commit(
        &mut self,
        new: &Node,
        plan: Plan,
        routers: Vec<Arc<Router>>,
        next: Vec<Next<'_>>,
    ) -> Applied {
        let mut changes = plan.realms;
        // What joins by a new handler has to find its realm.
        let mut dismissed = 0;
        for ((worker, step), router) in plan::routers(new).zip(&plan.workers).zip(&routers) {
            if let WorkerStep::Change(_) = step {
                dismissed += router.update(&worker.realms);
            }
        }
        for router in plan.removed_workers.iter().filter_map(|number| self.routers.get(*number)) {
            dismissed += router.update(&[]);
        }
        if dismissed > 0 {
            changes.push(format!(
                "{}, whose realm or role is gone",
                counted(dismissed as u64, "session was told to leave", "sessions were told to leave")
            ));
        }
        let transports = std::mem::take(&mut self.transports);
        let listening = std::mem::take(&mut self.listening);
        let mut old: Vec<_> = transports.into_iter().zip(listening).map(Some).collect();
        let mut take = |number: usize| old.get_mut(number).and_then(Option::take);
        let mut ending = Vec::new();
        for Next { worker, transport, step, accepting, socket } in next {
            let before = match step {
                TransportStep::Keep(number)
                | TransportStep::Change(number)
                | TransportStep::Replace(number) => take(number),
                TransportStep::Bind { was, .. } => was.and_then(&mut take),
            };
            let (running, listening) = match (accepting, socket, before) {
                (None, _, Some((mut running, listening))) => {
                    worker.clone_into(&mut running.worker);
                    (running, listening)
                }
                (Some(accepting), Socket::New(bound), before) => {
                    accepting.limit.set_max(transport.max_connections());
                    let running = RunningTransport::new(worker, transport, bound.facts(), &accepting);
                    running.announce();
                    changes.push(words::bound(&running, before.as_ref().map(|(before, _)| before)));
                    ending.extend(before.map(|(_, listening)| listening));
                    (running, self.listen(bound, accepting))
                }
                (Some(accepting), _, Some((before, listening))) => {
                    accepting.limit.set_max(transport.max_connections());
                    let endpoint = (before.bound.clone(), before.status.clone());
                    let running = RunningTransport::new(worker, transport, endpoint, &accepting);
                    changes.push(words::changed(&running, &before));
                    listening.control.change(accepting);
                    (running, listening)
                }
                // Every step that needs one has a partner.
                (_, _, None) => continue,
            };
            self.transports.push(running);
            self.listening.push(listening);
        }
        for (running, listening) in old.into_iter().flatten() {
            changes.push(words::removed(&running));
            ending.push(listening);
            self.retired.push(running);
        }
        if self.config.controller.options.drain_timeout != new.controller.options.drain_timeout {
            changes.push("controller.options.drain_timeout changed".to_owned());
        }
        // What waits for the next start is still as it was, and is named again by the next reload.
        let controller = plan::applied(&self.config.controller, &new.controller);
        self.config = Node { controller, ..new.clone() };
        self.routers = routers;
        self.publish();
        ending.iter().for_each(|listening| listening.control.stop());
        for listening in ending {
            listening.control.stopped().await;
        }
        Applied { changes, later: plan.later }
    }
}

#[cfg(test)]
mod tests;
