//! Several listeners as one, as when a service manager hands over two sockets under one name.

use std::io;
use std::task::Poll;

use tokio::sync::watch;
use transom_base::BoxFuture;

use crate::{Accepted, BoundAddr, EndpointStatus, Listener};

/// Accepts from all of its listeners, which take turns.
pub struct Several {
    all: Vec<Box<dyn Listener>>,
    /// Whose turn it is.
    turn: usize,
    status: watch::Sender<EndpointStatus>,
}

impl Several {
    /// All of them as one. None at all accepts nothing, ever.
    pub fn new(all: Vec<Box<dyn Listener>>) -> Self {
        Several { all, turn: 0, status: watch::Sender::default() }
    }
}

impl Listener for Several {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async {
            let turn = self.turn;
            let mut accepting: Vec<_> = self.all.iter_mut().map(|listener| listener.accept()).collect();
            let (number, accepted) = std::future::poll_fn(|cx| {
                let (before, after) = accepting.split_at_mut(turn);
                let in_turn = after.iter_mut().chain(before).zip(turn..);
                for (accept, number) in in_turn {
                    if let Poll::Ready(accepted) = accept.as_mut().poll(cx) {
                        return Poll::Ready((number, accepted));
                    }
                }
                Poll::Pending
            })
            .await;
            drop(accepting);
            self.turn = (number + 1) % self.all.len();
            if let Err(error) = &accepted {
                self.status.send_modify(|status| status.failed(error));
            }
            accepted
        })
    }

    fn bound(&self) -> Vec<BoundAddr> {
        self.all.iter().flat_map(|listener| listener.bound()).collect()
    }

    fn status(&self) -> watch::Receiver<EndpointStatus> {
        self.status.subscribe()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {
            for listener in self.all {
                listener.close().await;
            }
        })
    }
}

impl std::fmt::Debug for Several {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Several").field("bound", &self.bound()).finish_non_exhaustive()
    }
}
