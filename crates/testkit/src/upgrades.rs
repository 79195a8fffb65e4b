//! Steps between a connection and its protocol.

use transom_base::{BoxFuture, Connection, Deadline, ErrorKind};
use transom_endpoint::{EndpointError, Upgrade};

/// Changes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct PassThrough;

impl Upgrade for PassThrough {
    fn apply(
        &self,
        conn: Connection,
        _deadline: Deadline,
    ) -> BoxFuture<'static, Result<Connection, EndpointError>> {
        Box::pin(std::future::ready(Ok(conn)))
    }
}

/// Fails with an error of this kind; with [`ErrorKind::Timeout`] it waits for its deadline first.
#[derive(Debug, Clone, Copy)]
pub struct Refusing(pub ErrorKind);

impl Upgrade for Refusing {
    fn apply(
        &self,
        conn: Connection,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Connection, EndpointError>> {
        let kind = self.0;
        Box::pin(async move {
            drop(conn);
            let step = "refusing".to_owned();
            if kind == ErrorKind::Timeout {
                deadline.run(std::future::pending::<()>()).await.ok();
                return Err(EndpointError::UpgradeTimeout { step });
            }
            Err(EndpointError::Upgrade { step, kind, source: "as it was told".into() })
        })
    }
}
