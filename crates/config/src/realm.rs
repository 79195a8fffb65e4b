//! Realms, their roles, and what roles may do.

use std::path::PathBuf;

use serde_json::{Map as JsonMap, Value as Json};

use crate::RouterLink;
use crate::define::{choice, map, switches, words};

map! {
    /// A realm: a space of topics and procedures with the sessions in it.
    pub struct Realm = "realm", open = true;
    optional {
        /// The name clients ask for; unique in the worker.
        name: String = String::new() => needed(reader::realm::realm_name());
        /// Unique in the worker.
        id: String = String::new() => id("realm", |ids| &ids.realm, false);
        /// What its sessions may do, by role. A session whose role is not here may do nothing.
        roles: Vec<Role> = Vec::new() => list(whole(map()));
        /// Further settings.
        options: RealmOptions = RealmOptions::default() => map();
        /// What is kept of events and calls.
        store: Option<RealmStore> = None => some_or_null(map());
        /// Statistics about sessions, published as `wamp.session.on_stats`.
        stats: Option<RealmStats> = None => some_or_null(map());
        /// Schemas that payloads could be checked against.
        inventory: Option<Inventory> = None => some_or_null(map()), warned_of("payloads are not checked against schemas");
        /// Links to realms of other routers.
        rlinks: Vec<RouterLink> = Vec::new() => list(map()), unsupported_if_used();
    }
}

map! {
    /// Further settings of a realm.
    pub struct RealmOptions = "realm options";
    optional {
        /// So many subscribers get an event before other work has its turn.
        event_dispatching_chunk_size: usize = 100 => reader::realm::ChunkSize;
        /// Which URIs clients may use.
        uri_check: UriCheck = UriCheck::Loose => word();
        /// Offer the procedures and events `wamp.session.*`, `wamp.registration.*` and `wamp.subscription.*`.
        enable_meta_api: bool = true => flag();
        /// Offer them to the management realm as well.
        bridge_meta_api: bool = false => flag(), warned_of("there is no management realm");
    }
}

words! {
    /// Which URIs of clients are well formed.
    pub enum UriCheck: Loose;
    /// Components hold `0-9`, `a-z` and `_`.
    "strict" => Strict;
    /// Components hold anything but blanks, `.` and `#`.
    "loose" => Loose;
}

map! {
    /// A role of a realm.
    pub struct Role = "role", open = true;
    optional {
        /// Unique in the realm; `trusted` is built in and may do anything.
        name: String = String::new() => needed(reader::realm::role_name());
        /// Unique in the realm.
        id: String = String::new() => id("role", |ids| &ids.role, false);
        /// What happens to an event when the queue of its receiver is full.
        slow_consumer: SlowConsumer = SlowConsumer::Drop => word();
    }
    parts {
        /// How its actions are decided.
        authorization: Authorization = Authorization::Always(false) => reader::realm::HowAuthorized;
        /// How much one session of this role may hold in the router.
        limits: SessionLimits = SessionLimits::default() => inside();
    }
}

map! {
    /// How much one session may hold in the router. What would be more is answered with the error
    /// `wamp.error.unavailable`, and changes nothing.
    pub struct SessionLimits = "session limits";
    optional {
        /// Subscriptions at a time.
        max_subscriptions: usize = 65_536 => int(1..=SessionLimits::MOST);
        /// Registrations at a time.
        max_registrations: usize = 65_536 => int(1..=SessionLimits::MOST);
        /// Calls that it made and that are not answered yet; and, counted apart from those, invocations that it has not
        /// answered yet.
        max_pending_calls: usize = 65_536 => int(1..=SessionLimits::MOST);
    }
}

impl SessionLimits {
    /// The greatest value of each.
    pub const MOST: i64 = 1 << 24;
}

/// How the actions of a role are decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// By the rule that matches best; without one, denied. Key `permissions`.
    Permissions(Vec<Permission>),
    /// By a procedure of the realm that is called for each decision. Key `authorizer`.
    Authorizer(String),
    /// The same answer for everything: allow (true) or deny (false). Key `allow-by-default`.
    Always(bool),
}

impl Default for Authorization {
    fn default() -> Self {
        Self::Always(false)
    }
}

map! {
    /// One rule of a role.
    ///
    /// Several rules may match a URI. An exact rule beats all, otherwise a wildcard rule beats a prefix rule; among
    /// several of one kind the longest `uri` wins, among equals the later.
    pub struct Permission = "permission",
        check = reader::realm::settle_permission, trap = reader::realm::permission_trap;
    optional {
        // In code, the text to compare with, without stars.
        /// The topics or procedures that it is about. Without `match`, a `*` at the very end makes it a prefix, and any
        /// other `*` stands for a component.
        uri: String = String::new() => needed(reader::realm::rule_uri());
        /// How `uri` is compared; a `*` in it is then an ordinary character.
        match_policy["match"]: MatchPolicy = MatchPolicy::Exact => depending(word());
        /// The actions that are allowed.
        allow: Allow = Allow::default() => map();
        /// Who is disclosed although the client did not ask for it.
        disclose: Disclose = Disclose::default() => map();
        /// The decision may be remembered. Static decisions never change, so it makes no difference.
        cache: bool = false => flag();
        /// Types that payloads are checked against.
        validate: Option<PayloadTypes> = None => reader::realm::Validate, unsupported_if_used();
    }
}

words! {
    /// How URIs are compared.
    pub enum MatchPolicy: Exact;
    /// Equal.
    "exact" => Exact;
    /// It begins with the pattern, character by character.
    "prefix" => Prefix;
    /// The same number of components, an empty one in the pattern standing for any.
    "wildcard" => Wildcard;
}

impl MatchPolicy {
    /// The policy that a pattern without `match` implies, and the pattern without its stars: no star is
    /// exact, one star at the very end a prefix, anything else a wildcard.
    pub fn derive(uri: &str) -> (Self, String) {
        match (uri.matches('*').count(), uri.strip_suffix('*')) {
            (0, _) => (Self::Exact, uri.to_owned()),
            (1, Some(prefix)) => (Self::Prefix, prefix.to_owned()),
            _ => (Self::Wildcard, uri.replace('*', "")),
        }
    }
}

switches! {
    /// Actions that a permission allows.
    pub struct Allow = "allow";
    /// Call procedures.
    call;
    /// Register procedures.
    register;
    /// Publish to topics.
    publish;
    /// Subscribe to topics.
    subscribe;
}

switches! {
    /// Whom a permission discloses.
    pub struct Disclose = "disclose";
    /// The caller, to the callee.
    caller;
    /// The publisher, to subscribers.
    publisher;
}

map! {
    /// Types that payloads are checked against.
    pub struct PayloadTypes = "validate";
    optional {
        /// Of a call.
        call: Option<String> = None => some(unchecked_text());
        /// Of a further part of a progressive call.
        call_progress: Option<String> = None => some(unchecked_text());
        /// Of a result.
        call_result: Option<String> = None => some(unchecked_text());
        /// Of a progressive result.
        call_result_progress: Option<String> = None => some(unchecked_text());
        /// Of an error.
        call_error: Option<String> = None => some(unchecked_text());
        /// Of an event.
        event: Option<String> = None => some(unchecked_text());
        /// Of what confirms an event.
        event_confirmation: Option<String> = None => some(unchecked_text());
        /// The same as `event_confirmation`.
        event_result: Option<String> = None => some(unchecked_text());
        /// Further information for the check.
        extra: JsonMap<String, Json> = JsonMap::new() => reader::realm::JsonObject;
    }
}

words! {
    /// What happens to an event when the queue of its receiver is full.
    pub enum SlowConsumer: Drop;
    /// It is dropped and counted.
    "drop" => Drop;
    /// The receiving session is closed.
    "disconnect" => Disconnect;
    /// The publisher is not read from until there is room.
    "push-back" => PushBack;
}

choice! {
    /// What is kept of events and calls.
    pub enum RealmStore = "realm store", trap = reader::realm::store_trap;
    /// In memory.
    "memory" => Memory(MemoryStore) = "realm store of type \"memory\"";
    /// In a database.
    "cfxdb" => Database(DatabaseStore) = "realm store of type \"cfxdb\"", unsupported_but("use a store of type \"memory\"");
}

map! {
    /// What is kept in a database. Nothing of it is looked at.
    pub struct DatabaseStore = "realm store", open = true;
    optional {}
}

map! {
    /// What is kept in memory.
    pub struct MemoryStore = "realm store", open = true;
    optional {
        /// How many events or calls are kept for each, unless it says otherwise.
        limit: usize = 100 => count();
        /// Subscriptions whose last events are kept.
        event_history["event-history"]: Vec<StoredPattern> = Vec::new() => list(map_as("event history"));
        /// Procedures whose calls are kept while every callee is at its limit of concurrent calls.
        call_queue["call-queue"]: Vec<StoredPattern> = Vec::new() => list(map_as("call queue"));
    }
}

map! {
    /// Topics or procedures of which something is kept.
    pub struct StoredPattern = "stored pattern", open = true;
    required {
        /// The topic or procedure.
        uri: String => unchecked_text();
    }
    optional {
        /// How it is compared.
        match_policy["match"]: MatchPolicy = MatchPolicy::Exact => word();
        /// How many are kept; without it, as the store says.
        limit: Option<usize> = None => some(count());
    }
}

map! {
    /// Statistics about sessions.
    pub struct RealmStats = "realm stats", open = true, check = reader::realm::check_stats,
        one_of = &["trigger_after_rated_messages", "trigger_after_duration"];
    optional {
        /// Bytes that count as one rated message; an even number.
        rated_message_size: u32 = 512 => reader::realm::even();
        /// Publish after so many rated messages; 0: do not.
        trigger_after_rated_messages: u64 = 0 => count();
        /// Publish after so many seconds; 0: do not.
        trigger_after_duration: u64 = 0 => count();
        /// Publish when a session joins.
        trigger_on_join: bool = false => flag();
        /// Publish when a session leaves.
        trigger_on_leave: bool = true => flag();
    }
}

choice! {
    /// Schemas that payloads are checked against.
    pub enum Inventory = "realm inventory";
    /// FlatBuffers schemas in files.
    "wamp.eth" => Catalogs(CatalogInventory) = "realm inventory of type \"wamp.eth\"";
}

map! {
    /// FlatBuffers schemas in files.
    pub struct CatalogInventory = "realm inventory", open = true;
    required {
        /// The files.
        catalogs: Vec<InventoryCatalog> => list(map());
    }
}

map! {
    /// A file with FlatBuffers schemas.
    pub struct InventoryCatalog = "inventory catalog", open = true;
    required {
        /// Its name.
        name: String => text();
        /// The file.
        filename: PathBuf => path();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_when_match_is_absent() {
        let table = [
            ("", MatchPolicy::Exact, ""),
            ("com.app.add", MatchPolicy::Exact, "com.app.add"),
            ("*", MatchPolicy::Prefix, ""),
            ("com.app.*", MatchPolicy::Prefix, "com.app."),
            ("com.app*", MatchPolicy::Prefix, "com.app"),
            ("com.*.add", MatchPolicy::Wildcard, "com..add"),
            ("com.*.*", MatchPolicy::Wildcard, "com.."),
            ("*.add", MatchPolicy::Wildcard, ".add"),
            ("com.**", MatchPolicy::Wildcard, "com."),
        ];
        for (uri, policy, pattern) in table {
            assert_eq!(MatchPolicy::derive(uri), (policy, pattern.to_owned()), "{uri}");
        }
    }
}
