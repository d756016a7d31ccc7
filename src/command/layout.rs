//! Plain text in columns, as wide as the terminal, but of at most [`WIDTH`] characters.

/// How wide help may be: longer lines are hard to read.
pub const WIDTH: usize = 80;

/// No narrower than this: words would stand alone.
const NARROWEST: usize = 20;

/// The longest term that has its meaning beside it.
const MOST: usize = 40;

/// A meaning with fewer columns than this stands below its term.
const LEAST: usize = 24;

/// Lines of at most this many characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    width: usize,
}

impl Layout {
    /// For a terminal of this many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self {
            width: columns.clamp(NARROWEST, WIDTH),
        }
    }

    /// Breaks paragraphs (separated by empty lines) into lines. A word that is longer stays whole.
    pub(super) fn paragraphs(self, text: &str) -> String {
        let broken = text
            .split("\n\n")
            .map(|paragraph| wrap(paragraph, self.width).join("\n") + "\n");
        broken.collect::<Vec<_>>().join("\n")
    }

    /// How wide the left column of these rows is.
    pub(super) fn left(rows: &[(String, String)]) -> usize {
        let lengths = rows.iter().map(|(term, _)| term.chars().count());
        lengths.filter(|&length| length <= MOST).max().unwrap_or(0)
    }

    /// Two columns: terms after two blanks, and their meanings beside them; below, where a term is
    /// too long for the left column. Where there is no room for columns, meanings are all below.
    pub(super) fn rows(self, rows: &[(String, String)], left: usize) -> String {
        let indent = left + 4;
        if self.width < indent + LEAST {
            return self.stack(rows);
        }
        let mut lines = Vec::new();
        for (term, meaning) in rows {
            let mut meaning = wrap(meaning, self.width - indent).into_iter();
            if term.chars().count() <= left {
                let beside = meaning.next().unwrap_or_default();
                lines.push(format!("  {term:left$}  {beside}"));
            } else {
                lines.extend(self.hanging(term, 2));
            }
            lines.extend(meaning.map(|line| format!("{:indent$}{line}", "")));
        }
        joined(&lines)
    }

    fn stack(self, rows: &[(String, String)]) -> String {
        let mut lines = Vec::new();
        for (term, meaning) in rows {
            lines.extend(self.hanging(term.trim_start(), 2));
            let meaning = wrap(meaning, self.width - 6);
            lines.extend(meaning.iter().map(|line| format!("      {line}")));
        }
        joined(&lines)
    }

    /// One line, or if it is too long several, of which all but the first are set in further.
    pub(super) fn hanging(self, text: &str, indent: usize) -> Vec<String> {
        if indent + text.chars().count() <= self.width {
            return vec![format!("{:indent$}{text}", "")];
        }
        let lines = wrap(text.trim_start(), self.width - indent - 2);
        let further = std::iter::once(indent).chain(std::iter::repeat(indent + 2));
        lines
            .iter()
            .zip(further)
            .map(|(line, indent)| format!("{:indent$}{line}", ""))
            .collect()
    }
}

fn joined(lines: &[String]) -> String {
    lines
        .iter()
        .flat_map(|line| [line.trim_end(), "\n"])
        .collect()
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
