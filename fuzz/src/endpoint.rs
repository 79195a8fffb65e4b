//! Endpoints: the PROXY header.

use crate::chunks;
use transom_endpoint::proxy::{HeaderError, Look, ProxyVersion, look, write};

/// The first octets of a connection. The first byte chooses how they are cut.
///
/// However they are cut, the result is the same; a header is never read beyond its end, never longer than its version
/// allows, and does not change with what follows it.
pub fn proxy_header(data: &[u8]) {
    let Some((&cut, octets)) = data.split_first() else { return };
    let whole = look(octets);
    let (result, read) = read(chunks(octets, cut));
    assert_eq!(result, whole);
    match whole {
        Ok(Look::Header(header)) => {
            assert_eq!(read, header.len);
            assert!(header.len <= if header.version == ProxyVersion::V1 { 107 } else { 4096 });
            // Said again by us it is the same.
            let again = write(header.version, header.addresses);
            match look(&again) {
                Ok(Look::Header(told)) => {
                    assert_eq!((told.len, told.addresses), (again.len(), header.addresses))
                }
                other => panic!("{other:?}"),
            }
            let behind = [&octets[..header.len], b"\r\nPROXY"].concat();
            assert_eq!(look(&behind), Ok(Look::Header(header)));
            for missing in 1..=header.len {
                match look(&octets[..header.len - missing]) {
                    Ok(Look::Needs(more)) => assert!(0 < more && more <= missing),
                    other => panic!("{other:?} with {missing} octets less"),
                }
            }
        }
        Ok(Look::Needs(more)) => assert!(more > 0 && octets.len() + more <= 4096),
        Ok(Look::NoHeader) | Err(_) => {}
    }
}

/// As a connection is read: no more at a time than is known to be missing. Also how much was read.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Result<Look, HeaderError>, usize) {
    let mut have = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match look(&have) {
                Ok(Look::Needs(more)) => {
                    let (taken, rest) = piece.split_at(more.min(piece.len()));
                    have.extend_from_slice(taken);
                    piece = rest;
                }
                done => return (done, have.len()),
            }
        }
    }
    (look(&have), have.len())
}
