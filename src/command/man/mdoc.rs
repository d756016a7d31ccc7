//! mdoc(7), the language of man pages: what keeps texts from being taken for commands of it.

/// A tagged list; each head is what follows `.It`.
pub(super) fn list(items: impl Iterator<Item = (String, String)>) -> String {
    let items: String = items
        .map(|(head, body)| format!(".It {head}\n{body}"))
        .collect();
    format!(".Bl -tag -width Ds\n{items}.El\n")
}

/// Paragraphs as lines of text; an empty line between them becomes a macro.
pub(super) fn text(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.is_empty());
    let lines: Vec<String> = paragraphs
        .map(|paragraph| {
            let guard = if paragraph.starts_with(['.', '\'']) {
                "\\&"
            } else {
                ""
            };
            // A new sentence begins a new line, so that formatters space it well.
            format!("{guard}{}\n", sentences(&escape(paragraph)))
        })
        .collect();
    lines.join(".Pp\n")
}

/// A line for each sentence. A dot in the middle of one (`~. behind Enter`) ends none.
fn sentences(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((sentence, next)) = rest.split_once(". ") {
        let ends = sentence.ends_with(char::is_alphanumeric) || sentence.ends_with([')', ']', '*']);
        out.push_str(sentence);
        out.push_str(if ends { ".\n" } else { ". " });
        rest = next;
    }
    out + rest
}

/// One argument of a macro, whatever is in it.
pub(super) fn word(text: &str) -> String {
    // Without the guard, one that is punctuation only would not count as an argument.
    format!("\"\\&{}\"", escape(text).replace('"', "\\(dq"))
}

/// Keeps formatters from reading anything into a text, and from making its ASCII typographic.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '`' => out.push_str("\\(ga"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            _ => out.push(c),
        }
    }
    out
}
