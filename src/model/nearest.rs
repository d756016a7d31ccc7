//! Mistyped words: the candidate a person most likely meant, and how errors quote a word.

/// The candidate nearest to a mistyped `word`, or none if nothing is near enough to be worth
/// suggesting. Letters compare without case, `-` as `_`. Nearest means: few letters added, left
/// out, changed or swapped; failing that, a candidate that starts with the word or holds it (a
/// shortened word), or one that the word starts with. Of equals the first wins.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    let allowed = match word.len() {
        0 | 1 => 0,
        2..=4 => 1,
        5..=8 => 2,
        9..=LONGEST => 3,
        _ => return None,
    };
    let mut best: Option<(usize, usize, &str)> = None;
    for candidate in candidates {
        let letters = folded(candidate);
        if letters.is_empty() {
            continue;
        }
        let gap = letters.len().abs_diff(word.len());
        let near = if gap <= allowed {
            distance(&word, &letters, allowed)
        } else {
            None
        };
        let rank = near.or_else(|| partial(&word, &letters).map(|rank| allowed + rank));
        let Some(rank) = rank else { continue };
        if best.is_none_or(|(least, least_gap, _)| (rank, gap) < (least, least_gap)) {
            best = Some((rank, gap, candidate));
        }
    }
    best.map(|(_, _, candidate)| candidate)
}

/// Beyond this a word is no typing mistake, and the distance would cost too much.
const LONGEST: usize = 64;

/// The letters that are compared.
fn folded(word: &str) -> Vec<char> {
    word.chars()
        .take(LONGEST + 8)
        .flat_map(char::to_lowercase)
        .map(|c| if c == '-' { '_' } else { c })
        .collect()
}

/// How well one word is a part of the other: 1 is best.
fn partial(word: &[char], candidate: &[char]) -> Option<usize> {
    if word.len() >= 2 && candidate.starts_with(word) {
        Some(1)
    } else if word.len() >= 3 && candidate.windows(word.len()).any(|part| part == word) {
        Some(2)
    } else if candidate.len() >= 3 && word.starts_with(candidate) {
        Some(3)
    } else {
        None
    }
}

/// The number of letters added, left out, changed or swapped with their neighbour between the two,
/// if it is at most `limit`.
fn distance(a: &[char], b: &[char], limit: usize) -> Option<usize> {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(last.len());
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|d| *d <= limit)
}

/// A word as errors quote it: at most 60 characters, and what would move a terminal's cursor or
/// start a new line is escaped, as the word may come from a file or a node.
pub fn shown(word: &str) -> String {
    let mut out = String::new();
    for (i, c) in word.chars().enumerate() {
        if i == 60 {
            out.push('…');
            break;
        }
        if c.is_control() || is_format(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that print nothing but reorder or hide what is beside them.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word() {
        const KEYS: [&str; 8] = [
            "username",
            "key",
            "keyfile",
            "port",
            "user_data",
            "instance_type",
            "image",
            "host",
        ];
        for (word, expected) in [
            ("keyfiel", Some("keyfile")),
            ("key_file", Some("keyfile")),
            ("Keyfile", Some("keyfile")),
            ("instance-type", Some("instance_type")),
            ("instancetype", Some("instance_type")),
            ("instnace_tpye", Some("instance_type")),
            ("prot", Some("port")),
            ("user", Some("username")),
            ("type", Some("instance_type")),
            ("hostname", Some("host")),
            ("k", None),
            ("", None),
            ("zzz", None),
            ("wholly different", None),
        ] {
            assert_eq!(nearest(word, KEYS), expected, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), KEYS), None);
        assert_eq!(nearest("wroker1", ["worker2", "worker1"]), Some("worker1"));
        assert_eq!(
            nearest("worker9", ["worker1", "worker2"]),
            Some("worker1"),
            "first of equals"
        );
    }

    #[test]
    fn distances_are_symmetric_and_count_swaps_once() {
        for (a, b, expected) in [
            ("abc", "abc", 0),
            ("ab", "ba", 1),
            ("abc", "ac", 1),
            ("", "abc", 3),
            ("abcd", "badc", 2),
        ] {
            let (a, b) = (folded(a), folded(b));
            assert_eq!(distance(&a, &b, 9), Some(expected));
            assert_eq!(distance(&b, &a, 9), Some(expected));
        }
    }

    #[test]
    fn words_are_quoted_harmlessly() {
        assert_eq!(shown("worker0"), "worker0");
        assert_eq!(shown("a\x1b]0;x\x07b\n"), "a\\u{1b}]0;x\\u{7}b\\n");
        assert_eq!(shown("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(shown(&"y".repeat(100)).chars().count(), 61);
    }
}
