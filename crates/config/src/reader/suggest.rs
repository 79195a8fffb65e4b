//! The nearest known word.

/// The known word that `word` was probably meant to be: at most two typing mistakes away, one for
/// words of up to four letters.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > 64 {
        return None;
    }
    let word = fold(word);
    let limit = if word.len() <= 4 { 1 } else { 2 };
    known
        .into_iter()
        // A character has at most four bytes, so this leaves out only what is too far away.
        .filter(|candidate| {
            candidate.len() + limit >= word.len() && candidate.len() <= 4 * (word.len() + limit)
        })
        .map(|candidate| (distance(&word, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letter case and `-` for `_` count nothing.
fn fold(word: &str) -> Vec<char> {
    word.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = Vec::with_capacity(b.len() + 1);
    let at = |row: &[usize], i: usize| row.get(i).copied().unwrap_or(usize::MAX / 2);
    for (i, ca) in a.iter().enumerate() {
        row.clear();
        row.push(i + 1);
        for (j, cb) in b.iter().enumerate() {
            let mut best =
                (at(&last, j + 1) + 1).min(at(&row, j) + 1).min(at(&last, j) + usize::from(ca != cb));
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    at(&last, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_when_a_word_is_mistyped() {
        let known = ["port", "interface", "backlog", "user_timeout", "allow-by-default"];
        let table = [
            ("prot", Some("port")),
            ("interfaces", Some("interface")),
            ("Backlog", Some("backlog")),
            ("user-timeout", Some("user_timeout")),
            ("allow_by_default", Some("allow-by-default")),
            ("host", None),
            ("pt", None),
            ("", None),
        ];
        for (word, expected) in table {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
