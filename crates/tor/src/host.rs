//! Which hosts can be asked of Tor: what is wrong with one is said before Tor is asked, which often tells no reason.

use transom_base::ErrorKind;
use transom_config::TorConnectConfig;
use transom_endpoint::EndpointError;

use crate::base32;
use crate::key::address_of;

/// The longest name that SOCKS can carry, in bytes.
const LONGEST: usize = 255;

/// Whether Tor can be asked for the target.
///
/// # Errors
/// What is wrong with its host.
pub(crate) fn check(config: &TorConnectConfig) -> Result<(), EndpointError> {
    let host = &config.host;
    if host.is_empty() || host.len() > LONGEST {
        let (value, allowed) = (format!("{} bytes long", host.len()), "1 to 255 bytes long");
        return Err(EndpointError::OutOfRange { option: "host", value, allowed });
    }
    onion(host).map_err(|why| EndpointError::Other {
        what: format!("host {host:?}"),
        kind: ErrorKind::Config,
        source: why.into(),
    })
}

/// An onion address has its checksum in it (rend-spec-v3 §6). There may be names before it.
fn onion(host: &str) -> Result<(), &'static str> {
    let host = host.to_ascii_lowercase();
    let Some(name) = host.strip_suffix(".onion") else { return Ok(()) };
    let name = name.rsplit('.').next().unwrap_or_default();
    if name.len() == 16 {
        return Err(
            "onion services of version 2 do not exist any more; those of version 3 have 56 characters",
        );
    }
    let bytes = base32::decode(name);
    let public = bytes.as_deref().and_then(<[u8]>::first_chunk);
    match public.map(address_of) {
        Some(address) if address.strip_suffix(".onion") == Some(name) => Ok(()),
        _ => Err("this is no onion address: a character is wrong or missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn onion_address_with_a_typing_error_is_told_before_tor_is_asked() {
        let address = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";
        for host in
            [address, &format!("www.{address}"), &address.to_uppercase(), "example.com", "onion", "127.0.0.1"]
        {
            assert_eq!(onion(host), Ok(()), "{host}");
        }
        for (host, why) in [
            (address.replacen('g', "h", 1), "a character is wrong"),
            (address[1..].to_owned(), "a character is wrong"),
            (format!("{address}.onion"), "a character is wrong"),
            (".onion".to_owned(), "a character is wrong"),
            ("pg6mmjiyjmcrsslv.onion".to_owned(), "version 2"),
        ] {
            assert!(onion(&host).unwrap_err().contains(why), "{host}");
        }
    }
}
