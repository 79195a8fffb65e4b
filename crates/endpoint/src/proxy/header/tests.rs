use transom_testkit::every_split;

use super::*;

/// A header of version 2 with a correct announced length.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let len = u16::try_from(block.len()).unwrap().to_be_bytes();
    [v2::SIGNATURE, &[command, family], &len, block].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind], &u16::try_from(value.len()).unwrap().to_be_bytes()[..], value].concat()
}

/// 192.0.2.1:4660 to 198.51.100.2:443.
const INET: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 0x01, 0xbb];

/// A header from `source` to `destination` with a checksum, and what stands before and behind it.
fn with_checksum(before: &[u8], behind: &[u8]) -> Vec<u8> {
    let make = |sum: u32| v2(0x21, 0x11, &[INET, before, &tlv(3, &sum.to_be_bytes()), behind].concat());
    make(super::super::crc32c::crc32c([&make(0)[..]]))
}

fn addresses(source: &str, destination: &str) -> Option<Addresses> {
    Some(Addresses { source: source.parse().unwrap(), destination: destination.parse().unwrap() })
}

/// Reads as the driver does: never more than what [`look`] says is missing. Returns the result and how much was read.
fn read(pieces: &[&[u8]]) -> (Result<Look, HeaderError>, usize) {
    let mut have = Vec::new();
    for piece in pieces {
        let mut piece = *piece;
        while !piece.is_empty() {
            match look(&have) {
                Ok(Look::Needs(missing)) => {
                    assert!(missing > 0, "{have:?}");
                    let (taken, rest) = piece.split_at(missing.min(piece.len()));
                    have.extend_from_slice(taken);
                    piece = rest;
                }
                done => return (done, have.len()),
            }
        }
    }
    (look(&have), have.len())
}

/// The same however it is cut, with and without something behind it, and never read beyond its end.
fn is_header(bytes: &[u8], version: ProxyVersion, expected: Option<Addresses>) {
    let shown = bytes.escape_ascii().to_string();
    let header = Ok(Look::Header(Header { version, len: bytes.len(), addresses: expected }));
    for behind in [&b""[..], b"\r\n\r\n\0\r\nQUIT\nGET", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"]
    {
        let whole = [bytes, behind].concat();
        assert_eq!(look(&whole), header, "{shown}");
        every_split(&whole, |pieces| assert_eq!(read(pieces), (header.clone(), bytes.len()), "{shown}"));
    }
    for len in 0..bytes.len() {
        assert!(
            matches!(look(&bytes[..len]), Ok(Look::Needs(n)) if n <= bytes.len() - len),
            "{shown} at {len}"
        );
    }
}

fn is_refused(bytes: &[u8], expected: &str) {
    let shown = bytes.escape_ascii().to_string();
    let error = look(bytes).expect_err(&shown);
    assert_eq!(error.to_string(), expected, "{shown}");
    every_split(bytes, |pieces| assert_eq!(read(pieces).0.as_ref(), Err(&error), "{shown}"));
}

#[test]
fn line_when_well_formed_names_both_ends() {
    for (line, expected) in [
        ("TCP4 192.0.2.1 198.51.100.2 4660 443", addresses("192.0.2.1:4660", "198.51.100.2:443")),
        ("TCP4 0.0.0.0 255.255.255.255 0 65535", addresses("0.0.0.0:0", "255.255.255.255:65535")),
        ("TCP4 1.1.1.1 1.1.1.1 1 1", addresses("1.1.1.1:1", "1.1.1.1:1")),
        ("TCP6 2001:db8::1 2001:DB8::2 1 2", addresses("[2001:db8::1]:1", "[2001:db8::2]:2")),
        ("TCP6 :: ::1 1 2", addresses("[::]:1", "[::1]:2")),
        ("TCP6 ::ffff:192.0.2.1 ::1 1 2", addresses("[::ffff:192.0.2.1]:1", "[::1]:2")),
        (
            "TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
            addresses(
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            ),
        ),
        ("UNKNOWN", None),
        ("UNKNOWN ", None),
        ("UNKNOWN whatever stands here \u{e9}\n", None),
        (
            "UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
            None,
        ),
    ] {
        is_header(format!("PROXY {line}\r\n").as_bytes(), ProxyVersion::V1, expected);
    }
}

#[test]
fn line_when_malformed_says_which_field() {
    for (line, message) in [
        ("TCP4 192.0.2.1 198.51.100.2 4660", "'' is no destination port"),
        ("TCP4", "'' is no source address"),
        ("TCP4  192.0.2.1 198.51.100.2 1 2", "'' is no source address"),
        ("TCP4 192.0.2.01 198.51.100.2 1 2", "'192.0.2.01' is no source address"),
        ("TCP4 192.0.2.256 198.51.100.2 1 2", "'192.0.2.256' is no source address"),
        ("TCP4 192.0.2 198.51.100.2 1 2", "'192.0.2' is no source address"),
        ("TCP4 ::1 ::1 1 2", "'::1' is no source address"),
        ("TCP6 192.0.2.1 192.0.2.1 1 2", "'192.0.2.1' is no source address"),
        ("TCP6 ::1 fe80::1%lo 1 2", "'fe80::1%lo' is no destination address"),
        ("TCP4 192.0.2.1 198.51.100.2 65536 2", "'65536' is no source port"),
        ("TCP4 192.0.2.1 198.51.100.2 1 02", "'02' is no destination port"),
        ("TCP4 192.0.2.1 198.51.100.2 1 +2", "'+2' is no destination port"),
        ("TCP4 192.0.2.1 198.51.100.2 -1 2", "'-1' is no source port"),
        ("TCP4 192.0.2.1 198.51.100.2 1 2 3", "something follows the last field"),
        ("TCP4 192.0.2.1 198.51.100.2 1 2 ", "something follows the last field"),
        ("tcp4 192.0.2.1 198.51.100.2 1 2", "'tcp4' is no protocol"),
        ("TCP5 192.0.2.1 198.51.100.2 1 2", "'TCP5' is no protocol"),
        ("UNKNOWNS", "'UNKNOWNS' is no protocol"),
        (" TCP4", "'' is no protocol"),
        ("\u{e9}\n\u{1b}[2J", "'\\xc3\\xa9\\n\\x1b[2J' is no protocol"),
    ] {
        is_refused(format!("PROXY {line}\r\n").as_bytes(), message);
    }
    is_refused(b"PROXY TCP4 192.0.2.1\rx", "the line does not end with CR LF");
    is_refused(b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\r\n", "the line does not end with CR LF");
}

#[test]
fn line_when_longer_than_107_octets_is_refused_and_at_107_is_not() {
    let line = |len: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(len - 16)).into_bytes();
    assert_eq!(line(107).len(), 107);
    is_header(&line(107), ProxyVersion::V1, None);
    let message = "a header of version 1 has at most 107 octets";
    is_refused(&line(108), message);
    is_refused(&line(4096), message);
    is_refused(format!("PROXY TCP4 {}", "1".repeat(200)).as_bytes(), message);
    // Not a byte more is waited for than needed to see it.
    assert_eq!(look(&line(200)[..105]), Ok(Look::Needs(2)));
    assert!(look(&line(200)[..106]).is_err());
}

#[test]
fn block_when_well_formed_names_both_ends() {
    let inet6: Vec<u8> = [
        &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..],
        &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
        &[0x12, 0x34, 0x01, 0xbb],
    ]
    .concat();
    let both = addresses("192.0.2.1:4660", "198.51.100.2:443");
    let tlvs = [tlv(1, b"h2"), tlv(2, b"host.example"), tlv(4, &[]), tlv(5, &[7; 128]), tlv(0xff, &[0; 300])];
    for (bytes, expected) in [
        (v2(0x21, 0x11, INET), both),
        (v2(0x21, 0x21, &inet6), addresses("[2001:db8::1]:4660", "[2001:db8::2]:443")),
        (v2(0x21, 0x11, &[INET, &tlvs.concat()].concat()), both),
        (with_checksum(&[], &[]), both),
        (with_checksum(&tlvs[1], &tlvs[4]), both),
        // Datagrams, socket files, and no family.
        (v2(0x21, 0x12, INET), None),
        (v2(0x21, 0x22, &inet6), None),
        (v2(0x21, 0x31, &[b'/'; 216]), None),
        (v2(0x21, 0x32, &[0; 216]), None),
        (v2(0x21, 0x00, &[]), None),
        (v2(0x21, 0x00, b"anything"), None),
        // LOCAL, whatever else it says.
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, INET), None),
        (v2(0x20, 0x11, &[1, 2, 3]), None),
        (v2(0x20, 0xff, &[0xff; 40]), None),
    ] {
        is_header(&bytes, ProxyVersion::V2, expected);
    }
}

#[test]
fn block_when_malformed_says_what() {
    let tlvs = |tlvs: &[u8]| v2(0x21, 0x11, &[INET, tlvs].concat());
    let mut forged = with_checksum(&[], &tlv(2, b"host.example"));
    forged[16] ^= 1;
    for (bytes, message) in [
        (v2(0x11, 0x11, INET), "the version and command is 0x11"),
        (v2(0x01, 0x11, INET), "the version and command is 0x01"),
        (v2(0x22, 0x11, INET), "the command is 0x02"),
        (v2(0x2f, 0x11, INET), "the command is 0x0f"),
        (v2(0x21, 0x41, INET), "the family and protocol is 0x41"),
        (v2(0x21, 0x13, INET), "the family and protocol is 0x13"),
        (v2(0x21, 0x10, INET), "the family and protocol is 0x10"),
        (v2(0x21, 0x01, INET), "the family and protocol is 0x01"),
        (v2(0x21, 0x11, &INET[..11]), "11 octets are too few for the addresses"),
        (v2(0x21, 0x21, INET), "12 octets are too few for the addresses"),
        (v2(0x21, 0x31, &[0; 215]), "215 octets are too few for the addresses"),
        (v2(0x21, 0x11, &[]), "0 octets are too few for the addresses"),
        (tlvs(&[4]), "the type-length-value of type 0x04 is malformed"),
        (tlvs(&[4, 0]), "the type-length-value of type 0x04 is malformed"),
        (tlvs(&[4, 0, 1]), "the type-length-value of type 0x04 is malformed"),
        (tlvs(&[4, 0xff, 0xff, 1]), "the type-length-value of type 0x04 is malformed"),
        (tlvs(&tlv(3, &[0; 3])), "the type-length-value of type 0x03 is malformed"),
        (tlvs(&tlv(3, &[0; 5])), "the type-length-value of type 0x03 is malformed"),
        (tlvs(&tlv(3, &[0; 4])), "the checksum is wrong"),
        (with_checksum(&tlv(3, &[0; 4]), &[]), "the type-length-value of type 0x03 is malformed"),
        (forged, "the checksum is wrong"),
    ] {
        is_refused(&bytes, message);
    }
}

#[test]
fn block_when_longer_than_4096_octets_in_all_is_refused_before_it_is_read() {
    let longest = v2(0x20, 0, &[0; 4080]);
    assert_eq!(longest.len(), 4096);
    assert_eq!(look(&longest[..16]), Ok(Look::Needs(4080)));
    assert_eq!(
        look(&longest),
        Ok(Look::Header(Header { version: ProxyVersion::V2, len: 4096, addresses: None }))
    );
    let message = "a header of version 2 has at most 4096 octets";
    is_refused(&v2(0x20, 0, &[0; 4081])[..16], message);
    is_refused(&v2(0x21, 0x11, &[0; 65535])[..20], message);
}

#[test]
fn anything_else_is_no_header_as_soon_as_that_is_certain() {
    for bytes in [
        &b"\x7f\xf1\0\0"[..],
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\n",
        b"PROPFIND / HTTP/1.1\r\n",
        b"PROXYING\r\n",
        b"proxy TCP4",
        b"\x16\x03\x01",
        b"\r\nGET / HTTP/1.1",
        b"\r\n\r\n\0\r\nQUIT\r",
        b"\0",
    ] {
        assert_eq!(look(bytes), Ok(Look::NoHeader), "{}", bytes.escape_ascii());
    }
    assert_eq!(look(b""), Ok(Look::Needs(15)));
    assert_eq!(look(b"PROXY"), Ok(Look::Needs(10)));
    assert_eq!(look(b"\r\n\r\n\0\r\nQUIT"), Ok(Look::Needs(4)));
    assert_eq!(look(b"\r\n\r\n\0\r\nQUIT\n"), Ok(Look::Needs(4)));
}
