//! Replies of a control port, taken apart (control-spec §2.3). Knows bytes only.

use std::fmt;

/// No line is longer, and no reply in all, in bytes.
const LONGEST: usize = 64 * 1024;

/// One reply: a status, and what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `250` is success, `5xx` a refusal; `650` is an event, which answers no command.
    pub status: u16,
    /// The lines without status and separator. Data of several lines follows its line, after a line feed.
    pub lines: Vec<String>,
}

/// What was read is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// A line without a status and separator.
    #[error("a line begins with no status")]
    NoStatus,
    /// Lines of one reply with different statuses.
    #[error("the status changes within a reply")]
    TwoStatuses,
    /// Longer than any reply should be.
    #[error("a reply is longer than {LONGEST} bytes")]
    TooLong,
    /// Something that is no text.
    #[error("a line is no text")]
    NoText,
}

impl Reply {
    /// Whether it tells of something that happened, instead of answering.
    pub fn is_event(&self) -> bool {
        (600..700).contains(&self.status)
    }

    /// Whether what was asked for is done.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What stands behind `name` in a line that begins with it and a blank or an equals sign.
    pub fn line<'a>(&'a self, name: &str) -> Option<&'a str> {
        self.lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix([' ', '=']))
    }

    /// The last line, which says why something is refused.
    pub fn text(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, shown(self.text()))
    }
}

/// What somebody else says, for a log or a status: without control characters, and no more than 200 characters of it.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(200) {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}

/// Takes bytes as they come and yields replies.
#[derive(Debug, Default)]
pub struct Replies {
    bytes: Vec<u8>,
    /// Up to here no end of line was found.
    searched: usize,
    /// The reply that has begun.
    begun: Option<Reply>,
    /// Bytes in it.
    length: usize,
    /// Inside data of several lines.
    data: bool,
}

impl Replies {
    /// Bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next reply, if all of it is there.
    ///
    /// # Errors
    /// What came is no reply. What follows cannot be understood then.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, Nonsense> {
        let mut begin = 0;
        let mut found = Ok(None);
        while matches!(found, Ok(None)) {
            let from = self.searched.max(begin);
            let rest = self.bytes.get(from..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == b'\n').map(|at| from + at) else {
                self.searched = self.bytes.len();
                if self.bytes.len() - begin + self.length > LONGEST {
                    found = Err(Nonsense::TooLong);
                }
                break;
            };
            let line = self.bytes.get(begin..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.length += line.len() + 1;
            found = match std::str::from_utf8(line) {
                _ if self.length > LONGEST => Err(Nonsense::TooLong),
                Ok(line) => take(&mut self.begun, &mut self.data, line),
                Err(_) => Err(Nonsense::NoText),
            };
            begin = end + 1;
            self.searched = begin;
        }
        self.bytes.drain(..begin);
        self.searched = self.searched.saturating_sub(begin);
        if matches!(found, Ok(Some(_))) {
            self.length = 0;
        }
        found
    }
}

/// One line more; the reply, when it was the last.
fn take(begun: &mut Option<Reply>, data: &mut bool, line: &str) -> Result<Option<Reply>, Nonsense> {
    if *data {
        if line == "." {
            *data = false;
        } else if let Some(last) = begun.as_mut().and_then(|reply| reply.lines.last_mut()) {
            last.push('\n');
            last.push_str(line.strip_prefix('.').unwrap_or(line));
        }
        return Ok(None);
    }
    let (Some(status), Some(text)) = (line.get(..3), line.get(4..)) else { return Err(Nonsense::NoStatus) };
    if !status.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Nonsense::NoStatus);
    }
    let status = status.parse().map_err(|_| Nonsense::NoStatus)?;
    let reply = begun.get_or_insert(Reply { status, lines: Vec::new() });
    if reply.status != status {
        return Err(Nonsense::TwoStatuses);
    }
    reply.lines.push(text.to_owned());
    match line.as_bytes().get(3) {
        Some(b' ') => Ok(begun.take()),
        Some(b'-') => Ok(None),
        Some(b'+') => {
            *data = true;
            Ok(None)
        }
        _ => Err(Nonsense::NoStatus),
    }
}

/// `NAME=value` and `NAME="quoted"` one after another, as in `METHODS=COOKIE COOKIEFILE="/run/tor/cookie"`. Values are
/// bytes: quoted ones may escape any (control-spec §2.1.1).
#[derive(Debug, Clone)]
pub struct Keywords<'a>(&'a str);

impl<'a> Keywords<'a> {
    /// Of this text.
    pub fn of(text: &'a str) -> Self {
        Keywords(text)
    }

    /// The first value of this name.
    pub fn value(text: &str, name: &str) -> Option<Vec<u8>> {
        Keywords::of(text).find_map(|(found, value)| (found == name).then_some(value))
    }

    /// The same as text; none where it is no text.
    pub fn text(text: &str, name: &str) -> Option<String> {
        Keywords::value(text, name).and_then(|value| String::from_utf8(value).ok())
    }
}

impl<'a> Iterator for Keywords<'a> {
    type Item = (&'a str, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = self.0.trim_start_matches(' ');
            let end = text.find([' ', '='])?;
            let (name, rest) = text.split_at_checked(end)?;
            if let Some(value) = rest.strip_prefix('=') {
                let (value, rest) = value_of(value);
                self.0 = rest;
                return Some((name, value));
            }
            // A word without a value.
            self.0 = rest;
        }
    }
}

/// A value and what follows it.
fn value_of(text: &str) -> (Vec<u8>, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at_checked(text.find(' ').unwrap_or(text.len())).unwrap_or((text, ""));
        return (value.as_bytes().to_vec(), rest);
    };
    let mut value = Vec::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => value.push(b'\n'),
                Some('r') => value.push(b'\r'),
                Some('t') => value.push(b'\t'),
                Some(first @ '0'..='7') => {
                    let mut octal = first as u32 - '0' as u32;
                    for _ in 0..2 {
                        let Some(next) = characters.next_if(|(_, digit)| matches!(digit, '0'..='7')) else {
                            break;
                        };
                        octal = octal * 8 + (next.1 as u32 - '0' as u32);
                    }
                    value.push((octal & 0xff) as u8);
                }
                Some(other) => put(&mut value, other),
                None => {}
            },
            other => put(&mut value, other),
        }
    }
    // The quote is never closed: all of it belongs to the value.
    (value, "")
}

fn put(value: &mut Vec<u8>, character: char) {
    value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> (Vec<Reply>, Option<Nonsense>) {
        pieces(&[bytes])
    }

    fn pieces(pieces: &[&[u8]]) -> (Vec<Reply>, Option<Nonsense>) {
        let (mut replies, mut found) = (Replies::default(), Vec::new());
        for piece in pieces {
            replies.push(piece);
            loop {
                match replies.next_reply() {
                    Ok(Some(reply)) => found.push(reply),
                    Ok(None) => break,
                    Err(nonsense) => return (found, Some(nonsense)),
                }
            }
        }
        (found, None)
    }

    fn reply(status: u16, lines: &[&str]) -> Reply {
        Reply { status, lines: lines.iter().map(|line| (*line).to_owned()).collect() }
    }

    const MIXED: &[u8] =
        b"250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250 OK\r\n650 HS_DESC UPLOADED a\r\n\
        250+info=\r\none\r\n..two\r\n.\r\n250 OK\r\n515 Authentication failed\n";

    #[test]
    fn replies_come_out_whole_however_the_bytes_are_cut() {
        let expected = vec![
            reply(250, &["PROTOCOLINFO 1", "AUTH METHODS=NULL", "OK"]),
            reply(650, &["HS_DESC UPLOADED a"]),
            reply(250, &["info=\none\n.two", "OK"]),
            reply(515, &["Authentication failed"]),
        ];
        assert_eq!(all(MIXED), (expected.clone(), None));
        for cut in 0..MIXED.len() {
            let (a, b) = MIXED.split_at(cut);
            assert_eq!(pieces(&[a, b]), (expected.clone(), None), "{cut}");
        }
        let single: Vec<&[u8]> = MIXED.chunks(1).collect();
        assert_eq!(pieces(&single), (expected, None));
    }

    #[test]
    fn nonsense_is_told() {
        let long = vec![b'2'; LONGEST + 1];
        let many = b"250-x\r\n".repeat(LONGEST / 6 + 1);
        for (bytes, nonsense) in [
            (b"HTTP/1.1 400 Bad Request\r\n".as_slice(), Nonsense::NoStatus),
            (b"\r\n", Nonsense::NoStatus),
            (b"25\r\n", Nonsense::NoStatus),
            (b"25x ok\r\n", Nonsense::NoStatus),
            (b"+12 ok\r\n", Nonsense::NoStatus),
            (b"250_ok\r\n", Nonsense::NoStatus),
            (b"250-ok\r\n251 ok\r\n", Nonsense::TwoStatuses),
            (b"250 \xff\r\n", Nonsense::NoText),
            (&long, Nonsense::TooLong),
            (&many, Nonsense::TooLong),
        ] {
            assert_eq!(
                all(bytes).1,
                Some(nonsense),
                "{:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(40)])
            );
        }
    }

    #[test]
    fn keywords_are_read_with_quotes_and_escapes() {
        let text = r#"METHODS=COOKIE,SAFECOOKIE COOKIEFILE="/a \"b\"\\\303\251\t" plain EMPTY= LAST=x"#;
        let found: Vec<_> = Keywords::of(text).collect();
        let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["METHODS", "COOKIEFILE", "EMPTY", "LAST"]);
        assert_eq!(Keywords::text(text, "COOKIEFILE").unwrap(), "/a \"b\"\\é\t");
        assert_eq!(Keywords::text(text, "EMPTY").unwrap(), "");
        assert_eq!(Keywords::text(text, "METHODS").unwrap(), "COOKIE,SAFECOOKIE");
        assert_eq!(Keywords::value(r#"A="\377\0""#, "A").unwrap(), [255, 0]);
        assert_eq!(Keywords::value(r#"A="open"#, "A").unwrap(), b"open");
        assert_eq!(Keywords::value(r#"A="open\"#, "A").unwrap(), b"open");
        assert_eq!(Keywords::value("nothing here", "A"), None);
        assert_eq!(Keywords::of("").count(), 0);
    }

    #[test]
    fn line_is_found_by_its_name() {
        let found = reply(250, &["ServiceID=abc", "AUTH METHODS=NULL", "OK"]);
        assert_eq!(found.line("ServiceID"), Some("abc"));
        assert_eq!(found.line("AUTH"), Some("METHODS=NULL"));
        assert_eq!(found.line("Service"), None);
        assert_eq!(reply(551, &["it's \"a\"\u{1b}[31m"]).to_string(), "551 it's \"a\"\\u{1b}[31m");
        assert_eq!(reply(551, &[&"é".repeat(1000)]).to_string(), format!("551 {}", "é".repeat(200)));
    }
}
