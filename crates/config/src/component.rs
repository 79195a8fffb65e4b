//! Components: application code in a router or container worker.

use serde_json::{Map as JsonMap, Value as Json};

use crate::ConnectTransport;
use crate::define::{choice, map, words};

choice! {
    /// Application code inside a router worker.
    pub enum RouterComponent = "router component";
    /// A Python class.
    "class" => Class(RouterClass) = "router component of type \"class\"",
        unsupported_but("it is Python code: run it as a process of its own that connects to a transport");
    /// Python functions.
    "function" => Function(RouterFunction) = "router component of type \"function\"",
        unsupported_but("it is Python code: run it as a process of its own that connects to a transport");
}

map! {
    /// A Python class inside a router worker.
    pub struct RouterClass = "router component";
    required {
        /// The realm it joins.
        realm: String => text();
        /// The class, `module.Class`.
        classname: String => text();
    }
    optional {
        /// Unique in the worker.
        id: String = String::new() => id("component", |ids| &ids.component, false);
        /// The role it joins as.
        role: String = "anonymous".to_owned() => filled();
        /// Passed to it as it is.
        extra: Option<Json> = None => some(any());
        /// Connections that it uses.
        references: Vec<String> = Vec::new() => list(unchecked_text());
    }
}

map! {
    /// Python functions inside a router worker.
    pub struct RouterFunction = "router component";
    required {
        /// The realm it joins.
        realm: String => text();
    }
    optional {
        /// Unique in the worker.
        id: String = String::new() => id("component", |ids| &ids.component, false);
        /// The role it joins as.
        role: String = "anonymous".to_owned() => filled();
        /// Functions called on events of the session.
        callbacks: ComponentCallbacks = ComponentCallbacks::default() => map();
        /// Passed to it as it is.
        extra: Option<Json> = None => some(any());
    }
}

choice! {
    /// Application code that connects to a router.
    pub enum ContainerComponent = "container component";
    /// A Python class.
    "class" => Class(ContainerClass) = "container component of type \"class\"";
    /// Python functions.
    "function" => Function(ContainerFunction) = "container component of type \"function\"";
}

map! {
    /// A Python class that connects to a router.
    pub struct ContainerClass = "container component";
    required {
        /// The realm it joins.
        realm: String => text();
        /// How it connects.
        transport: ConnectTransport => map();
        /// The class, `module.Class`.
        classname: String => text();
    }
    optional {
        /// Unique in the worker.
        id: String = String::new() => id("component", |ids| &ids.component, false);
        /// Passed to it as it is.
        extra: Option<Json> = None => some(any());
    }
}

map! {
    /// Python functions that connect to a router.
    pub struct ContainerFunction = "container component";
    required {
        /// The realm it joins.
        realm: String => text();
        /// How it connects.
        transport: ConnectTransport => map();
        /// How it proves who it is.
        auth: JsonMap<String, Json> => reader::realm::JsonObject;
    }
    optional {
        /// Unique in the worker.
        id: String = String::new() => id("component", |ids| &ids.component, false);
        /// Functions called on events of the session.
        callbacks: ComponentCallbacks = ComponentCallbacks::default() => map();
        /// Passed to it as it is.
        extra: Option<Json> = None => some(any());
    }
}

map! {
    /// Python functions, `module.function`, called on events of a session.
    pub struct ComponentCallbacks = "component callbacks";
    optional {
        /// When it is connected.
        connect: Option<String> = None => some_or_null(text());
        /// When it has joined its realm.
        join: Option<String> = None => some_or_null(text());
        /// When it has left its realm.
        leave: Option<String> = None => some_or_null(text());
        /// When the connection is gone.
        disconnect: Option<String> = None => some_or_null(text());
    }
}

words! {
    /// What ends a container.
    pub enum ContainerShutdown;
    /// A request to stop.
    "shutdown-manual" => Manual;
    /// The end of its last component.
    "shutdown-on-last-component-stopped" => LastComponentStopped;
    /// The failure of any component.
    "shutdown-on-any-component-failed" => AnyComponentFailed;
    /// The end of any component.
    "shutdown-on-any-component-stopped" => AnyComponentStopped;
}

words! {
    /// What happens to a component that ends.
    pub enum ContainerRestart;
    /// It is started again.
    "restart-always" => Always;
    /// It is started again if it failed.
    "restart-on-failed" => OnFailed;
    /// Nothing.
    "restart-never" => Never;
}
