//! Users and groups by name or number.

use nix::unistd::{Group, User};

use crate::EndpointError;

/// The number of a user.
pub(super) fn uid(name: &str) -> Result<u32, EndpointError> {
    match name.parse() {
        Ok(number) => Ok(number),
        Err(_) => match User::from_name(name) {
            Ok(Some(user)) => Ok(user.uid.as_raw()),
            Ok(None) | Err(_) => Err(EndpointError::NoSuchOwner { what: "user", name: name.to_owned() }),
        },
    }
}

/// The number of a group.
pub(super) fn gid(name: &str) -> Result<u32, EndpointError> {
    match name.parse() {
        Ok(number) => Ok(number),
        Err(_) => match Group::from_name(name) {
            Ok(Some(group)) => Ok(group.gid.as_raw()),
            Ok(None) | Err(_) => Err(EndpointError::NoSuchOwner { what: "group", name: name.to_owned() }),
        },
    }
}
