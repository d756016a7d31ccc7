//! Wildcards in names of files, byte by byte, since names are bytes: `*`, `?`, `[a-z]`, `[!a]`. A dot
//! at the start of a name has to be written.

/// Whether there is a wildcard in it.
pub fn is_wild(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// Whether a name fits a pattern. Neither has a slash.
pub fn fits(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    // Where to go on if what follows the last star does not fit.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let next = match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            },
            (Some(b'?'), Some(_)) => Some(p + 1),
            (Some(b'['), Some(byte)) => match class(pattern, p + 1, *byte) {
                Some((true, end)) => Some(end),
                Some((false, _)) => None,
                None => (*byte == b'[').then_some(p + 1),
            },
            (Some(wanted), Some(byte)) => (wanted == byte).then_some(p + 1),
            _ => None,
        };
        match (next, star) {
            (Some(next), _) => {
                p = next;
                n += 1;
            },
            (None, Some((after, at))) if at < name.len() => {
                star = Some((after, at + 1));
                p = after;
                n = at + 1;
            },
            (None, _) => return false,
        }
    }
}

/// Whether a byte is in the class that begins behind the bracket at `start`, and where that ends.
/// None: it never ends.
fn class(pattern: &[u8], start: usize, byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(start), Some(b'!' | b'^'));
    let first = start + usize::from(negated);
    let mut at = first;
    let mut found = false;
    loop {
        let low = *pattern.get(at)?;
        if low == b']' && at > first {
            return Some((found != negated, at + 1));
        }
        match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some(b'-'), Some(high)) if *high != b']' => {
                found |= (low..=*high).contains(&byte);
                at += 3;
            },
            _ => {
                found |= low == byte;
                at += 1;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_fits() {
        for (pattern, name, fit) in [
            ("a", "a", true),
            ("*", "a", true),
            ("*", ".a", false),
            (".*", ".a", true),
            ("*.log", "x.log.1", false),
            ("*.log", "x.log.log", true),
            ("a*b*c", "axxbxxbc", true),
            ("a*b*c", "axxcxxb", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("x[", "x[", true),
            ("[a-]", "-", true),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), name.as_bytes()),
                fit,
                "{pattern} {name}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_pattern_panics_and_names_fit_themselves(
            pattern in "[ab*?\\[\\]!-]{0,12}",
            name in "[ab]{1,8}",
        ) {
            fits(pattern.as_bytes(), name.as_bytes());
            prop_assert!(fits(name.as_bytes(), name.as_bytes()));
        }
    }
}
