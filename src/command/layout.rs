//! Plain text in columns of at most 80 characters.

/// How wide help may be.
pub(super) const WIDTH: usize = 80;

/// Breaks paragraphs (separated by empty lines) into lines. A word that is longer stays whole.
pub(super) fn paragraphs(text: &str) -> String {
    let broken = text
        .split("\n\n")
        .map(|paragraph| wrap(paragraph, WIDTH).join("\n") + "\n");
    broken.collect::<Vec<_>>().join("\n")
}

/// The longest term that has its meaning beside it.
const MOST: usize = 40;

/// How wide the left column of these rows is.
pub(super) fn left(rows: &[(String, String)]) -> usize {
    let lengths = rows.iter().map(|(term, _)| term.chars().count());
    lengths.filter(|&length| length <= MOST).max().unwrap_or(0)
}

/// Two columns: terms after two blanks, and their meanings beside them; below, where a term is too
/// long for the left column.
pub(super) fn rows(rows: &[(String, String)], left: usize) -> String {
    let mut lines = Vec::new();
    for (term, meaning) in rows {
        let mut meaning = wrap(meaning, WIDTH.saturating_sub(left + 4)).into_iter();
        let beside = (term.chars().count() <= left)
            .then(|| meaning.next())
            .flatten();
        let first = format!("  {term:left$}  {}", beside.unwrap_or_default());
        lines.push(first.trim_end().to_owned());
        lines.extend(meaning.map(|line| format!("{:1$}{line}", "", left + 4)));
    }
    lines.iter().flat_map(|line| [line, "\n"]).collect()
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
