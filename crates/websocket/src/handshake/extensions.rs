//! The header `Sec-WebSocket-Extensions` (RFC 6455 §9.1): extensions with parameters, in the order of preference.

use std::borrow::Cow;

/// One extension, offered or granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a str,
    pub(crate) params: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// The extensions in one header value; `None` where it is not written as RFC 6455 has it.
pub(crate) fn parse(value: &str) -> Option<Vec<Extension<'_>>> {
    let mut rest = value;
    let mut extensions = Vec::new();
    loop {
        rest = blank(rest);
        // Lists of HTTP may have empty elements.
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
            continue;
        }
        if rest.is_empty() {
            return Some(extensions);
        }
        let (name, after) = token(rest)?;
        rest = blank(after);
        let mut params = Vec::new();
        while let Some(after) = rest.strip_prefix(';') {
            let (name, after) = token(blank(after))?;
            rest = blank(after);
            let mut given = None;
            if let Some(after) = rest.strip_prefix('=') {
                let (value, after) = argument(blank(after))?;
                rest = blank(after);
                given = Some(value);
            }
            params.push((name, given));
        }
        extensions.push(Extension { name, params });
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?;
        }
    }
}

fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

fn token(text: &str) -> Option<(&str, &str)> {
    let len = text.bytes().take_while(|octet| is_token(*octet)).count();
    (len > 0).then(|| text.split_at_checked(len))?
}

/// A token, or one between quotation marks.
fn argument(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (token, rest) = token(text)?;
        return Some((Cow::Borrowed(token), rest));
    };
    let mut plain = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        let letter = match letter {
            '"' => {
                let rest = quoted.get(at + 1..)?;
                let fit = !plain.is_empty() && plain.bytes().all(is_token);
                return fit.then_some((Cow::Owned(plain), rest));
            }
            '\\' => letters.next()?.1,
            letter => letter,
        };
        plain.push(letter);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_the_grammar_has_it() {
        let read = |value| {
            parse(value).map(|extensions| {
                let shown = |extension: &Extension<'_>| {
                    let params = extension.params.iter().map(|(name, value)| match value {
                        Some(value) => format!(";{name}={value}"),
                        None => format!(";{name}"),
                    });
                    format!("{}{}", extension.name, params.collect::<String>())
                };
                extensions.iter().map(shown).collect::<Vec<_>>().join(" | ")
            })
        };
        for (value, expected) in [
            ("", Some("")),
            ("foo", Some("foo")),
            ("foo, bar; baz=2", Some("foo | bar;baz=2")),
            (r#"foo; bar="b\a\z" ; q ,bar"#, Some("foo;bar=baz;q | bar")),
            (" ,foo,, bar;a = 1,", Some("foo | bar;a=1")),
            ("permessage-deflate; client_max_window_bits", Some("permessage-deflate;client_max_window_bits")),
            ("a;b=\"10\", c", Some("a;b=10 | c")),
            ("foo bar", None),
            ("foo;", None),
            ("foo;=1", None),
            ("foo;a=", None),
            ("foo;a=\"", None),
            ("foo;a=\"b", None),
            ("foo;a=\"\"", None),
            ("foo;a=\"b c\"", None),
            ("foo;a=\"b\"c", None),
            ("=1", None),
            ("ä", None),
            ("foo;a=\"ä\"", None),
            ("foo;a=\"\\", None),
        ] {
            assert_eq!(read(value).as_deref(), expected, "{value:?}");
        }
    }
}
