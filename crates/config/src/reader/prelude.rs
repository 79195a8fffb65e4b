//! What the definitions of the dialect are written with.

pub(crate) use super::describe::{
    ChoiceHooks, Definition, Hooks, Status, always_noted, unsupported, unsupported_but, unsupported_if_used,
    warned_of, without_effect,
};
pub(crate) use super::kind::*;
pub(crate) use super::map::Map;
pub(crate) use super::writer::Writer;
pub(crate) use crate::reader;
