//! Plain text in columns of at most 80 characters.

/// How wide help may be.
pub(super) const WIDTH: usize = 80;

/// Breaks paragraphs (separated by empty lines) into lines of at most `WIDTH`, each after `indent`
/// blanks. A word that is longer stays whole.
pub(super) fn paragraphs(text: &str, indent: usize) -> String {
    let broken: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| {
            let pad = " ".repeat(indent);
            let lines = wrap(paragraph, WIDTH.saturating_sub(indent));
            lines.iter().map(|line| format!("{pad}{line}\n")).collect()
        })
        .collect();
    broken.join("\n")
}

/// Two columns: terms after two blanks, and their meanings beside them, or below where a term is
/// too long.
pub(super) fn rows(rows: &[(String, String)]) -> String {
    const MOST: usize = 30;
    let lengths = rows.iter().map(|(term, _)| term.chars().count());
    let left = lengths.filter(|&length| length <= MOST).max().unwrap_or(0);
    let mut out = String::new();
    for (term, meaning) in rows {
        let mut lines = wrap(meaning, WIDTH - left - 4).into_iter();
        let beside = (term.chars().count() <= left)
            .then(|| lines.next())
            .flatten();
        let first = format!("  {term:left$}  {}", beside.unwrap_or_default());
        out += first.trim_end();
        out.push('\n');
        for line in lines {
            out += &format!("{:1$}{line}\n", "", left + 4);
        }
    }
    out
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            },
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
