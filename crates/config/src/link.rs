//! Links between routers.

use crate::ConnectTransport;
use crate::define::map;

map! {
    /// A link to a realm of another router. It connects, and connects again for ever.
    pub struct RouterLink = "router link";
    required {
        /// The realm of the other router.
        realm: String => reader::realm::realm_name();
        /// How it connects.
        transport: ConnectTransport => map();
    }
    optional {
        /// Unique in the realm.
        id: Option<String> = None => some(name_of(false));
        /// Who it is at the other router.
        authid: Option<String> = None => some_or_null(filled());
        /// Sessions of these are not forwarded.
        exclude_authid: Vec<String> = Vec::new() => list(unchecked_text());
        /// Events of this realm go to the other.
        forward_local_events: bool = true => flag();
        /// Events of the other realm come to this.
        forward_remote_events: bool = true => flag();
        /// Calls in the other realm reach procedures of this.
        forward_local_invocations: bool = true => flag();
        /// Calls in this realm reach procedures of the other.
        forward_remote_invocations: bool = true => flag();
    }
}
