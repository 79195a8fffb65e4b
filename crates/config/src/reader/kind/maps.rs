//! Maps of the dialect as values, and inside others.

use std::marker::PhantomData;

use serde_json::{Value as Json, json};

use super::{Group, Kind};
use crate::reader::describe::{Definition, MapReference, Shape};
use crate::reader::map::Map;
use crate::reader::val::Val;
use crate::reader::writer::Writer;

/// What is made of the keys of a map.
pub(crate) trait Fields: Sized {
    /// Reads its keys; those of others may stand in the same map.
    fn read_fields(map: &Map<'_>) -> Option<Self>;

    /// Writes its keys.
    fn write_fields(&self, out: &mut Writer);

    /// Describes its keys.
    fn define(definition: &mut Definition);
}

/// What findings call a map when nothing else is said.
pub(crate) trait Named {
    const WHAT: &'static str;
}

impl<T: Fields> Fields for Box<T> {
    fn read_fields(map: &Map<'_>) -> Option<Self> {
        T::read_fields(map).map(Box::new)
    }

    fn write_fields(&self, out: &mut Writer) {
        (**self).write_fields(out);
    }

    fn define(definition: &mut Definition) {
        T::define(definition);
    }
}

impl<T: Named> Named for Box<T> {
    const WHAT: &'static str = T::WHAT;
}

/// A map under its own name.
pub(crate) fn map<T: Fields + Named>() -> MapOf<T> {
    map_as(T::WHAT)
}

/// A map under another name.
pub(crate) fn map_as<T: Fields>(what: &'static str) -> MapOf<T> {
    MapOf { what, open: false, value: PhantomData }
}

/// A map that is kept in a box: it holds maps of its own kind, or is large.
pub(crate) fn boxed<T: Fields + Named>() -> MapOf<Box<T>> {
    map_as(T::WHAT)
}

pub(crate) struct MapOf<T> {
    what: &'static str,
    open: bool,
    value: PhantomData<fn() -> T>,
}

impl<T> MapOf<T> {
    /// The same, but unknown keys are only warned of here.
    pub(crate) fn open(self) -> Self {
        Self { open: true, ..self }
    }
}

impl<T: Fields> Kind for MapOf<T> {
    type Value = T;

    fn read(&self, value: &Val<'_>) -> Option<T> {
        let map = value.map(self.what)?;
        map.hook(|_| None, self.open, &[]);
        let read = T::read_fields(&map);
        map.finish();
        read
    }

    fn write(&self, value: &T, out: &Writer) -> Option<Json> {
        let mut nested = out.nested();
        value.write_fields(&mut nested);
        Some(nested.done())
    }

    fn shape(&self) -> Shape {
        Shape::Map(MapReference { what: self.what, open: self.open, define: T::define })
    }

    fn default_shown(&self, default: &T) -> Option<Json> {
        let mut map = Writer::masked();
        default.write_fields(&mut map);
        // Its other keys have their own.
        Some(map.kind().map_or_else(|| json!({}), |kind| json!({ "type": kind })))
    }
}

/// A definition whose keys stand in this map, as a part of it.
pub(crate) fn inside<T: Fields>() -> Inside<T> {
    Inside { needed: None, value: PhantomData }
}

pub(crate) struct Inside<T> {
    needed: Option<&'static str>,
    value: PhantomData<fn() -> T>,
}

impl<T> Inside<T> {
    /// The same, but this key must be there.
    pub(crate) fn needing(self, key: &'static str) -> Self {
        Self { needed: Some(key), ..self }
    }
}

impl<T: Fields> Group for Inside<T> {
    type Value = T;

    fn read(&self, map: &Map<'_>, _: impl FnOnce() -> T) -> Option<T> {
        if let Some(key) = self.needed.filter(|key| !map.has(key)) {
            map.missing(key, None);
        }
        T::read_fields(map)
    }

    fn write(&self, value: &T, out: &mut Writer) {
        value.write_fields(out);
    }

    fn define(&self, definition: &mut Definition) {
        T::define(definition);
        for key in definition.keys.iter_mut().filter(|key| Some(key.name) == self.needed) {
            key.required = true;
            key.default = None;
        }
    }
}

/// A thing that is left out as a whole if it holds something that this release does not run, where what is not run is
/// to be left out: without that part it would be another thing than the one described.
pub(crate) fn whole<K: Kind>(kind: K) -> Whole<K> {
    Whole { kind }
}

pub(crate) struct Whole<K> {
    kind: K,
}

impl<K: Kind> Kind for Whole<K> {
    type Value = K::Value;

    fn read(&self, value: &Val<'_>) -> Option<K::Value> {
        let unsupported = &value.cx.unsupported;
        let before = unsupported.replace(0);
        let read = self.kind.read(value);
        // What is around it is not touched by what is left out here.
        let leave_out = unsupported.replace(before) > 0 && value.cx.leave_out;
        read.filter(|_| !leave_out)
    }

    fn write(&self, value: &K::Value, out: &Writer) -> Option<Json> {
        self.kind.write(value, out)
    }

    fn shape(&self) -> Shape {
        self.kind.shape()
    }

    fn is_whole(&self) -> bool {
        true
    }
}
