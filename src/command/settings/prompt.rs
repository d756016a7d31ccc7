//! What the prompt says: text, with `%` and a letter for what changes.

/// What the prompt can say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptFacts {
    /// `%c`: `:lab`, `:2 clusters`, or nothing.
    pub clusters: String,
    /// `%w`: ` [3/5]`: how many nodes the working set has, unless it has them all.
    pub working: String,
    /// `%b`: ` (2 busy)`, and what else is waited for.
    pub busy: String,
    /// `%u`: who this is.
    pub user: String,
    /// `%h`: this machine, up to the first dot.
    pub host: String,
    /// `%d`: dust's own folder.
    pub folder: String,
}

/// The longest format, in characters.
const LONGEST: usize = 200;
/// The letters behind a `%`.
const LETTERS: &str = "cwbuhd%";

/// True for what [`prompt_text`] reads.
pub(super) fn is_format(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let known = c != '%' || chars.next().is_some_and(|next| LETTERS.contains(next));
        if c.is_control() || !known {
            return false;
        }
    }
    (1..=LONGEST).contains(&text.chars().count())
}

/// The prompt of a format, without the blank behind it.
pub fn prompt_text(format: &str, facts: &PromptFacts) -> String {
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('c') => text.push_str(&facts.clusters),
            Some('w') => text.push_str(&facts.working),
            Some('b') => text.push_str(&facts.busy),
            Some('u') => text.push_str(&facts.user),
            Some('h') => text.push_str(facts.host.split('.').next().unwrap_or_default()),
            Some('d') => text.push_str(&facts.folder),
            _ => text.push('%'),
        }
    }
    text
}
