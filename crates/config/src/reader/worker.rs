//! Kinds and checks of workers.

use serde_json::Value as Json;

use super::describe::Shape;
use super::finding::Severity;
use super::kind::{Kind, MapOf, flag, list, map, unchecked_text};
use super::map::Map;
use super::val::Val;
use super::writer::Writer;
use crate::{
    ContainerOptions, ContainerRestart, ContainerShutdown, GuestInput, GuestValue, InheritedVariables, Worker,
};

/// A worker, if it is not disabled.
pub(crate) fn worker() -> AWorker {
    AWorker { map: super::kind::map() }
}

pub(crate) struct AWorker {
    map: MapOf<Worker>,
}

impl Kind for AWorker {
    type Value = Worker;

    fn read(&self, value: &Val<'_>) -> Option<Worker> {
        let cx = value.cx;
        let (found, unsupported) = (cx.findings.borrow().len(), cx.unsupported.get());
        let worker = self.map.read(value)?;
        if !matches!(worker, Worker::Guest(_)) && is_disabled(value) {
            // What it asks for does not matter, as long as it is right.
            let mut findings = cx.findings.borrow_mut();
            let found = found.min(findings.len());
            let own = findings.split_off(found);
            findings.extend(own.into_iter().filter(|finding| finding.severity == Severity::Error));
            drop(findings);
            cx.unsupported.set(unsupported);
            value.warn("this worker is disabled and will not be started", None);
            return None;
        }
        let left_out = cx.leave_out && !matches!(worker, Worker::Router(_));
        (!left_out).then_some(worker)
    }

    fn write(&self, value: &Worker, out: &Writer) -> Option<Json> {
        self.map.write(value, out)
    }

    fn shape(&self) -> Shape {
        self.map.shape()
    }
}

/// What `options.disabled` says.
fn is_disabled(worker: &Val<'_>) -> bool {
    let disabled = || {
        let options = worker.map("worker")?.peek("options")?;
        let disabled = options.is_map().then(|| options.map("worker options"))??.peek("disabled")?;
        // Anything else has been reported where the options were read.
        (disabled.is_bool() || disabled.as_str().is_some()).then(|| Disabled.read(&disabled))?
    };
    disabled().unwrap_or(false)
}

/// `disabled`: a bool, `${NAME}` of a variable that is not empty, or any other text.
pub(crate) struct Disabled;

impl Kind for Disabled {
    type Value = bool;

    fn read(&self, value: &Val<'_>) -> Option<bool> {
        match value.as_str() {
            Some(text) => match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => Some((value.cx.env)(name).is_some_and(|value| !value.is_empty())),
                None => Some(true),
            },
            None => value.or("str").bool(),
        }
    }

    fn write(&self, value: &bool, _: &Writer) -> Option<Json> {
        Some((*value).into())
    }

    fn shape(&self) -> Shape {
        Shape::Either(vec![flag().shape(), unchecked_text().shape()])
    }
}

/// `env.inherit`: a bool, or a list of names.
pub(crate) struct Inherit;

impl Kind for Inherit {
    type Value = InheritedVariables;

    fn read(&self, value: &Val<'_>) -> Option<InheritedVariables> {
        if value.is_list() {
            return list(unchecked_text()).read(value).map(InheritedVariables::Named);
        }
        value
            .or("list")
            .bool()
            .map(|all| if all { InheritedVariables::All } else { InheritedVariables::None })
    }

    fn write(&self, value: &InheritedVariables, out: &Writer) -> Option<Json> {
        match value {
            InheritedVariables::All => Some(true.into()),
            InheritedVariables::None => Some(false.into()),
            InheritedVariables::Named(names) => list(unchecked_text()).write(names, out),
        }
    }

    fn shape(&self) -> Shape {
        Shape::Either(vec![flag().shape(), list(unchecked_text()).shape()])
    }
}

/// `stdin` of a guest: `close`, or a value.
pub(crate) struct Stdin;

impl Kind for Stdin {
    type Value = GuestInput;

    fn read(&self, value: &Val<'_>) -> Option<GuestInput> {
        match value.as_str() {
            Some("close") => Some(GuestInput::Close),
            Some(_) => {
                value.or("map").none_of(["close"], None);
                None
            }
            None => map::<GuestValue>().read(&value.or("\"close\"")).map(GuestInput::Value),
        }
    }

    fn write(&self, value: &GuestInput, out: &Writer) -> Option<Json> {
        match value {
            GuestInput::Close => Some("close".into()),
            GuestInput::Value(value) => map::<GuestValue>().write(value, out),
        }
    }

    fn shape(&self) -> Shape {
        Shape::Either(vec![Shape::Values(vec!["close".into()]), map::<GuestValue>().shape()])
    }
}

/// Combinations of `shutdown` and `restart` that contradict each other.
pub(crate) fn check_container(options: &mut ContainerOptions, map: &Map<'_>) {
    use ContainerRestart as Restart;
    use ContainerShutdown as Shutdown;
    let contradict = matches!(
        (options.restart, options.shutdown),
        (
            Restart::Always,
            Shutdown::LastComponentStopped | Shutdown::AnyComponentFailed | Shutdown::AnyComponentStopped
        ) | (Restart::OnFailed, Shutdown::AnyComponentFailed)
    );
    if contradict {
        let why = format!(
            "with \"shutdown\": {:?} the container ends before it could restart anything",
            options.shutdown.name()
        );
        map.conflict("restart", &why, None);
    }
}

pub(crate) fn shutdown_trap(word: &str) -> Option<String> {
    (word == "shutdown-on-last-worker-exit")
        .then(|| "did you mean \"shutdown-on-last-component-stopped\"?".to_owned())
}
