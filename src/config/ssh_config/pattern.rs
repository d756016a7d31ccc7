//! OpenSSH's patterns (ssh_config(5), PATTERNS): `*` and `?`, and lists with `!`.

/// True if `text` matches `pattern`, in which `*` stands for any characters and `?` for one. There
/// is no escape, and case counts. Takes at most the product of the lengths, whatever the pattern.
pub fn matches_pattern(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let (mut t, mut p) = (0, 0);
    // Where the last `*` is, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            },
            // A `?` stands for a character, not for one of its bytes.
            Some(b'?') => {
                t += 1;
                while text.get(t).is_some_and(|b| b & 0xc0 == 0x80) {
                    t += 1;
                }
                p += 1;
            },
            Some(c) if *c == text[t] => {
                t += 1;
                p += 1;
            },
            _ => {
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            },
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|c| *c == b'*')
}

/// True if a pattern of the list matches, and none of those that begin with `!` does.
pub fn matches_list<'a>(text: &str, patterns: impl IntoIterator<Item = &'a str>) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches_pattern(text, pattern) => return false,
            Some(_) => {},
            None => found = found || matches_pattern(text, pattern),
        }
    }
    found
}

/// True for a pattern that matches nothing but itself.
pub(super) fn is_plain(pattern: &str) -> bool {
    !pattern.starts_with('!') && !pattern.contains(['*', '?'])
}
