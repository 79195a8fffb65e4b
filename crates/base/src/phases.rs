//! Serving in two phases: find out or prepare, then serve. The first phase's future is dropped before the second runs,
//! so that a long-lived connection does not carry the memory of its beginning.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::{BoxFuture, ServeError};

/// How a connection's serving goes on, as [`crate::ConnectionHandler::serve`] returns it.
pub type Serving = BoxFuture<'static, Result<(), ServeError>>;

/// Runs `first`, drops it, and goes on with the future it yields.
pub fn in_phases(first: impl Future<Output = Result<Serving, ServeError>> + Send + 'static) -> Serving {
    Box::pin(Phases::First(Box::pin(first)))
}

enum Phases {
    First(BoxFuture<'static, Result<Serving, ServeError>>),
    Second(Serving),
}

impl Future for Phases {
    type Output = Result<(), ServeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Phases::First(first) = &mut *self {
            let second = ready!(first.as_mut().poll(cx))?;
            *self = Phases::Second(second);
        }
        match &mut *self {
            Phases::Second(second) => second.as_mut().poll(cx),
            Phases::First(_) => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn first_phase_is_dropped_before_the_second_runs() {
        let held = Arc::new(());
        let (first, second) = (held.clone(), held.clone());
        let serving = in_phases(async move {
            tokio::task::yield_now().await;
            let serving: Serving = Box::pin(async move {
                assert_eq!(Arc::strong_count(&second), 2, "what the first phase held is gone");
                Ok(())
            });
            let _until_the_end = first;
            Ok(serving)
        });
        serving.await.unwrap();
        drop(held);
    }

    #[tokio::test]
    async fn error_of_the_first_phase_ends_it() {
        let result = in_phases(async { Err(ServeError::Timeout("too slow".into())) }).await;
        assert!(matches!(result, Err(ServeError::Timeout(_))));
    }
}
