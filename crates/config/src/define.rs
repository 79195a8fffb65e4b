//! The one definition of the dialect: what a map may hold, said once.
//!
//! [`map!`] defines a map with its keys: from it come the struct, its defaults, the reader, the writer, the JSON
//! Schema and the reference page. [`choice!`] defines maps that a word under `type` tells apart, [`words!`] a closed set
//! of words, [`switches!`] a map of switches. The documentation of a key is written for those who write configurations; it is the text of the page and
//! of the schema too.
//!
//! A key has a *kind* (`reader/kind.rs`), which knows how its value is read, written and described, and possibly a
//! *status* (`reader/describe.rs`): that this release refuses or ignores it.

/// A map of the dialect as a struct.
///
/// `required` keys must be there, `optional` ones have a default, and a `part` is made of several keys or of a whole
/// definition that is put into this map. A struct with required keys gets `new`, any other `Default`.
macro_rules! map {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident = $what:literal $(, $hook:ident = $hooked:expr)*;
        $(required { $(
            $(#[doc = $rdoc:literal])*
            $rf:ident $([$rk:literal])? : $rt:ty => $rkind:expr $(, $rstatus:expr)?;
        )* })?
        $(optional { $(
            $(#[doc = $odoc:literal])*
            $of:ident $([$ok:literal])? : $ot:ty = $odefault:expr => $okind:expr $(, $ostatus:expr)?;
        )* })?
        $(parts { $(
            $(#[doc = $pdoc:literal])*
            $pf:ident : $pt:ty = $pdefault:expr => $pgroup:expr;
        )* })?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            /// Where it stands.
            pub place: crate::Place,
            $($( $(#[doc = $rdoc])* pub $rf: $rt, )*)?
            $($( $(#[doc = $odoc])* pub $of: $ot, )*)?
            $($( $(#[doc = $pdoc])* pub $pf: $pt, )*)?
        }

        $crate::define::map! { @construct $name; [$($($rf: $rt,)*)?] $($($of = $odefault,)*)? $($($pf = $pdefault,)*)? }

        #[cfg(feature = "reader")]
        const _: () = {
            use crate::reader::prelude::*;

            impl Named for $name {
                const WHAT: &'static str = $what;
            }

            impl Fields for $name {
                fn read_fields(map: &Map<'_>) -> Option<Self> {
                    #[allow(clippy::needless_update, reason = "not every map has hooks")]
                    let hooks: Hooks<Self> = Hooks { $($hook: $hooked,)* ..Hooks::NONE };
                    map.hook(hooks.trap, hooks.open, hooks.without);
                    /// Everything is read, and reported, before anything that is missing ends it.
                    struct Read {
                        $($( $rf: Option<$rt>, )*)?
                        $($( $of: $ot, )*)?
                        $($( $pf: Option<$pt>, )*)?
                    }
                    #[allow(unused_variables, reason = "a map may have no keys")]
                    let read = Read {
                        $($( $rf: map.required($crate::define::map!(@key $rf $($rk)?), &$rkind, $crate::define::map!(@status $($rstatus)?)), )*)?
                        $($( $of: map.optional(
                            $crate::define::map!(@key $of $($ok)?), &$okind, || $odefault, $crate::define::map!(@status $($ostatus)?)), )*)?
                        $($( $pf: map.part(&$pgroup, || $pdefault), )*)?
                    };
                    #[allow(unused_mut, reason = "not every map has a check")]
                    let mut value = Self {
                        place: map.place.clone(),
                        $($( $rf: read.$rf?, )*)?
                        $($( $of: read.$of, )*)?
                        $($( $pf: read.$pf?, )*)?
                    };
                    (hooks.check)(&mut value, map);
                    Some(value)
                }

                #[allow(unused_variables, reason = "a map may have no keys")]
                fn write_fields(&self, out: &mut Writer) {
                    $($( out.part(&$pgroup, &self.$pf); )*)?
                    #[allow(clippy::needless_update, reason = "not every map has hooks")]
                    let hooks: Hooks<Self> = Hooks { $($hook: $hooked,)* ..Hooks::NONE };
                    out.without(hooks.without);
                    $($( out.key($crate::define::map!(@key $rf $($rk)?), &$rkind, &self.$rf); )*)?
                    $($( out.key($crate::define::map!(@key $of $($ok)?), &$okind, &self.$of); )*)?
                }

                fn define(definition: &mut Definition) {
                    #[allow(clippy::needless_update, reason = "not every map has hooks")]
                    let hooks: Hooks<Self> = Hooks { $($hook: $hooked,)* ..Hooks::NONE };
                    definition.describe(concat!($($doc, "\n",)*), &hooks);
                    $($( definition.required(
                        $crate::define::map!(@key $rf $($rk)?), concat!($($rdoc, "\n",)*), of::<$rt, _>(&$rkind),
                        $crate::define::map!(@status $($rstatus)?)); )*)?
                    $($( definition.optional(
                        $crate::define::map!(@key $of $($ok)?), concat!($($odoc, "\n",)*), of::<$ot, _>(&$okind), &$odefault,
                        $crate::define::map!(@status $($ostatus)?)); )*)?
                    $($( definition.part(group_of::<$pt, _>(&$pgroup)); )*)?
                }
            }
        };
    };

    (@construct $name:ident; [] $($field:ident = $default:expr,)*) => {
        impl Default for $name {
            fn default() -> Self {
                Self { place: crate::Place::root(), $($field: $default,)* }
            }
        }
    };
    (@construct $name:ident; [$($required:ident: $type:ty,)+] $($field:ident = $default:expr,)*) => {
        impl $name {
            /// What must be said; everything else at its default.
            pub fn new($($required: $type),+) -> Self {
                Self { place: crate::Place::root(), $($required,)+ $($field: $default,)* }
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@status) => { &Status::Works };
    (@status $status:expr) => { &$status };
    (@owned_status) => { Status::Works };
    (@owned_status $status:expr) => { $status };
}

/// Maps that a word under `type` tells apart, as an enum of structs.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident = $what:literal $(, $hook:ident = $hooked:expr)*;
        $(
            $(#[doc = $vdoc:literal])*
            $word:literal => $variant:ident($inner:ty) = $vwhat:literal $(, $status:expr)?;
        )+
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $( $(#[doc = $vdoc])* $variant($inner), )+
        }

        impl $name {
            /// Where it stands.
            pub fn place(&self) -> &crate::Place {
                match self { $( Self::$variant(inner) => &inner.place, )+ }
            }

            /// The word under `type`.
            pub fn type_name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $word, )+ }
            }
        }

        #[cfg(feature = "reader")]
        const _: () = {
            use crate::reader::prelude::*;

            impl Named for $name {
                const WHAT: &'static str = $what;
            }

            impl Fields for $name {
                fn read_fields(map: &Map<'_>) -> Option<Self> {
                    #[allow(clippy::needless_update, reason = "not every choice has hooks")]
                    let hooks = ChoiceHooks { $($hook: $hooked,)* ..ChoiceHooks::NONE };
                    const WORDS: &[(&str, &str, Status)] = &[$( ($word, $vwhat, $crate::define::map!(@owned_status $($status)?)) ),+];
                    match map.chosen($what, WORDS, &hooks)? {
                        $( $word => <$inner as Fields>::read_fields(map).map(Self::$variant), )+
                        _ => None,
                    }
                }

                fn write_fields(&self, out: &mut Writer) {
                    out.word("type", self.type_name());
                    match self { $( Self::$variant(inner) => inner.write_fields(out), )+ }
                }

                fn define(definition: &mut Definition) {
                    #[allow(clippy::needless_update, reason = "not every choice has hooks")]
                    let hooks = ChoiceHooks { $($hook: $hooked,)* ..ChoiceHooks::NONE };
                    definition.describe(concat!($($doc, "\n",)*), &Hooks::<Self>::NONE);
                    definition.default_type = hooks.default;
                    $( definition.variant(
                        $word, $vwhat, concat!($($vdoc, "\n",)*), $crate::define::map!(@owned_status $($status)?),
                        <$inner as Fields>::define); )+
                }
            }
        };
    };
}

/// A closed set of words as an enum.
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident $(: $default:ident)?;
        $(
            $(#[doc = $wdoc:literal])*
            $word:literal => $variant:ident $(, $status:expr)?;
        )+
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[doc = $wdoc])* $variant, )+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in a configuration.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }

        $(
            impl Default for $name {
                fn default() -> Self {
                    Self::$default
                }
            }
        )?

        #[cfg(feature = "reader")]
        const _: () = {
            #[allow(unused_imports, reason = "not every set has words with a status")]
            use crate::reader::prelude::*;

            impl Words for $name {
                const WORDS: &'static [(&'static str, Self, &'static str, Status)] = &[
                    $( ($word, Self::$variant, concat!($($wdoc, "\n",)*), $crate::define::map!(@owned_status $($status)?)), )+
                ];
            }
        };
    };
}

/// A closed map of switches, all off unless said otherwise, as a struct.
macro_rules! switches {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident = $what:literal;
        $( $(#[doc = $kdoc:literal])* $key:ident; )+
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name {
            $( $(#[doc = $kdoc])* pub $key: bool, )+
        }

        #[cfg(feature = "reader")]
        const _: () = {
            use crate::reader::prelude::*;

            impl Named for $name {
                const WHAT: &'static str = $what;
            }

            impl Fields for $name {
                fn read_fields(map: &Map<'_>) -> Option<Self> {
                    Some(Self { $( $key: map.optional(stringify!($key), &flag(), || false, &Status::Works), )+ })
                }

                fn write_fields(&self, out: &mut Writer) {
                    $( out.key(stringify!($key), &flag(), &self.$key); )+
                }

                fn define(definition: &mut Definition) {
                    definition.describe(concat!($($doc, "\n",)*), &Hooks::<Self>::NONE);
                    $( definition.optional(
                        stringify!($key), concat!($($kdoc, "\n",)*), &flag(), &false, &Status::Works); )+
                }
            }
        };
    };
}

pub(crate) use {choice, map, switches, words};
