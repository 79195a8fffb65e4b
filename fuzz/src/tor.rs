//! What answers at the control port of a Tor.

use crate::chunks;
use transom_tor::control::{Keywords, Nonsense, Replies, Reply};

/// No reply is longer, in bytes.
const LONGEST: usize = 64 * 1024;

/// The first byte chooses how the bytes are cut, the second how often they come: the limit is beyond what a fuzzer makes.
///
/// However they are cut, the same replies come out, none above the limit, and their words can be taken apart.
pub fn control(data: &[u8]) {
    let [cut, times, octets @ ..] = data else { return };
    let octets = octets.repeat(1 + usize::from(times % 16));
    // As much at a time as a port reads at most.
    let whole = read(octets.chunks(4096));
    assert_eq!(whole, read(chunks(&octets, *cut)));
    assert_eq!(whole, read(octets.chunks(1 + usize::from(*cut) * 16)));
    for reply in &whole.0 {
        assert!(reply.lines.iter().map(String::len).sum::<usize>() <= LONGEST && !reply.lines.is_empty());
        assert!(reply.is_event() != (reply.status / 100 != 6) && !(reply.is_event() && reply.is_ok()));
        let said = reply.to_string();
        assert!(!said.contains(char::is_control) && said.chars().count() <= 4 + 10 * 200, "{said:?}");
        reply.lines.iter().for_each(|line| keywords(line));
    }
    if let Ok(text) = std::str::from_utf8(&octets) {
        keywords(text);
    }
}

/// The replies, and how it ended.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Reply>, Option<Nonsense>) {
    let (mut input, mut replies) = (Replies::default(), Vec::new());
    for piece in pieces {
        input.push(piece);
        loop {
            match input.next_reply() {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(nonsense) => return (replies, Some(nonsense)),
            }
        }
    }
    (replies, None)
}

/// Each name stands in the text, no value is longer than what stands for it, and the first are found by their names.
fn keywords(text: &str) {
    let mut left = text.len();
    for (number, (name, value)) in Keywords::of(text).enumerate() {
        assert!(!name.contains([' ', '=']) && text.contains(name));
        // An equals sign stands between them.
        left = left.checked_sub(name.len() + 1 + value.len()).expect("no more comes out than went in");
        assert!(number > 16 || Keywords::value(text, name).is_some());
    }
}
