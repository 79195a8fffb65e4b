//! What an accept loop is told while it runs: to accept otherwise, or to end.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;
use transom_base::{Drain, DrainWatch};

use crate::Accepting;

/// Changes or ends an accept loop that runs as [`accept_under_control`](crate::accept_under_control). When it is
/// dropped the loop goes on as it was told last.
pub struct AcceptControl {
    orders: watch::Sender<Orders>,
}

/// The loop's side of an [`AcceptControl`].
#[derive(Clone)]
pub struct AcceptOrders(watch::Receiver<Orders>);

struct Orders {
    how: Arc<Accepting>,
    /// Tells the connections of `how` that another took its place.
    replaced: Drain,
    stop: bool,
}

impl AcceptControl {
    /// Both sides, for a loop that begins so.
    pub fn new(accepting: Accepting) -> (AcceptControl, AcceptOrders) {
        let orders = Orders { how: Arc::new(accepting), replaced: Drain::new().0, stop: false };
        let (sender, receiver) = watch::channel(orders);
        (AcceptControl { orders: sender }, AcceptOrders(receiver))
    }

    /// How connections are accepted now.
    pub fn current(&self) -> Arc<Accepting> {
        self.orders.borrow().how.clone()
    }

    /// Whoever connects from now on is accepted so. Connections that are open keep the handler that they have and
    /// learn of the change by [`ConnScope::replaced`](transom_base::ConnScope::replaced). The drain watch stays the
    /// first one for the loop itself.
    pub fn change(&self, accepting: Accepting) {
        self.orders.send_modify(|orders| {
            orders.replaced.drain();
            *orders = Orders { how: Arc::new(accepting), replaced: Drain::new().0, stop: orders.stop };
        });
    }

    /// Ends the loop: connections that wait already are let in, then the listener is closed.
    pub fn stop(&self) {
        self.orders.send_modify(|orders| {
            orders.replaced.drain();
            orders.stop = true;
        });
    }

    /// Completes when the loop has ended and its listener is closed.
    pub async fn stopped(&self) {
        self.orders.closed().await;
    }
}

impl AcceptOrders {
    /// What is to be done.
    pub(crate) fn current(&mut self) -> (Arc<Accepting>, DrainWatch) {
        let orders = self.0.borrow_and_update();
        (orders.how.clone(), orders.replaced.watch())
    }

    /// The same, if it changed since the last look.
    pub(crate) fn changed(&mut self) -> Option<(Arc<Accepting>, DrainWatch)> {
        // Nobody is left who could say something new when that fails.
        self.0.has_changed().unwrap_or(false).then(|| self.current())
    }

    /// Waits for the order to end; for ever when nobody is left who could give it.
    pub(crate) async fn stopped(&mut self) {
        if self.0.wait_for(|orders| orders.stop).await.is_err() {
            std::future::pending().await
        }
    }
}

impl fmt::Debug for AcceptControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptControl").field("how", &self.orders.borrow().how).finish_non_exhaustive()
    }
}

impl fmt::Debug for AcceptOrders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptOrders").field("how", &self.0.borrow().how).finish_non_exhaustive()
    }
}
