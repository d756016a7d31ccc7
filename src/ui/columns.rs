//! Words in columns, as `ls` and a shell's completion show them.

use super::style::{Palette, Role};
use crate::term::width;

/// Blanks between two columns.
const GAP: usize = 2;

/// Sets words in columns, top to bottom, then left to right. Each line fits into `columns`; more
/// than `max_rows` lines become a page around the selected word and a line that counts the rest.
pub fn columns(
    words: &[&str],
    selected: Option<usize>,
    columns: usize,
    max_rows: usize,
    palette: Palette,
) -> Vec<String> {
    if words.is_empty() || max_rows == 0 || columns == 0 {
        return Vec::new();
    }
    let widths: Vec<usize> = words.iter().map(|word| width::width(word)).collect();
    let (rows, column_widths) = arrange(&widths, columns);
    let shown = if rows > max_rows {
        (max_rows - 1).max(1)
    } else {
        rows
    };
    // The page that holds the selected word.
    let first = selected.map_or(0, |at| at % rows / shown * shown);
    let mut lines = Vec::new();
    for row in first..(first + shown).min(rows) {
        let mut line = String::new();
        let mut owed = 0;
        for (column, column_width) in column_widths.iter().enumerate() {
            let at = column * rows + row;
            let Some(word) = words.get(at) else { break };
            let word = width::ellipsize(word, columns);
            line.extend(std::iter::repeat_n(' ', owed));
            owed = (column_width + GAP).saturating_sub(width::width(&word));
            if selected == Some(at) {
                line.push_str(&palette.paint(Role::Selected, &visible(&word)));
            } else {
                line.push_str(&visible(&word));
            }
        }
        lines.push(line);
    }
    if shown < rows && max_rows > 1 {
        let on_page = (first..(first + shown).min(rows))
            .map(|row| (row..words.len()).step_by(rows).count())
            .sum::<usize>();
        let note = format!("… and {} more", words.len() - on_page);
        let note = width::ellipsize(&note, columns);
        lines.push(palette.paint(Role::Dim, &note));
    }
    lines
}

/// A word with its control characters named.
fn visible(word: &str) -> String {
    use unicode_segmentation::UnicodeSegmentation as _;
    word.graphemes(true).map(width::visible).collect()
}

/// The fewest rows that fit, and the width of each column.
fn arrange(widths: &[usize], columns: usize) -> (usize, Vec<usize>) {
    let widest = widths.iter().copied().max().unwrap_or(0);
    // Even the narrowest words do not make more columns than this; each try is linear.
    let most = (columns / (GAP + 1)).clamp(1, widths.len().max(1));
    let least = (columns / (widest + GAP)).clamp(1, most);
    for count in (least..=most).rev() {
        let rows = widths.len().div_ceil(count);
        let column_widths: Vec<usize> = widths
            .chunks(rows.max(1))
            .map(|column| column.iter().copied().max().unwrap_or(0))
            .collect();
        let total = column_widths
            .iter()
            .map(|w| w + GAP)
            .sum::<usize>()
            .saturating_sub(GAP);
        if total <= columns {
            return (rows.max(1), column_widths);
        }
    }
    (widths.len().max(1), vec![widest.min(columns)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OFF: Palette = Palette::new(false);

    fn set(words: &str, width: usize, rows: usize) -> Vec<String> {
        let words: Vec<&str> = words.split(' ').collect();
        columns(&words, None, width, rows, OFF)
    }

    #[test]
    fn columns_fill_downwards() {
        assert_eq!(set("a b c", 80, 9), ["a  b  c"]);
        assert_eq!(
            set("one two three four five", 12, 9),
            ["one    four", "two    five", "three"]
        );
        assert_eq!(set("日本 b c", 7, 9), ["日本  c", "b"]);
        assert_eq!(set("toolongword b", 5, 9), ["tool…", "b"]);
        assert_eq!(set("a b", 1, 9), ["a", "b"]);
        assert_eq!(columns(&["a\x1b[m"], None, 20, 9, OFF), ["a^[[m"]);
        assert_eq!(columns(&[], None, 20, 9, OFF), Vec::<String>::new());
    }

    #[test]
    fn too_many_are_paged() {
        assert_eq!(set("a b c d e f", 1, 3), ["a", "b", "…"]);
        assert_eq!(
            set("a1 b1 c1 d1 e1 f1", 12, 2),
            ["a1  c1  e1", "b1  d1  f1"]
        );
        assert_eq!(set("a1 b1 c1 d1 e1 f1", 9, 2), ["a1  d1", "… and 4 …"]);
    }

    #[test]
    fn the_page_follows_the_selection() {
        let words = ["w0", "w1", "w2", "w3", "w4"];
        let on = Palette::new(true);
        let lines = columns(&words, Some(3), 12, 1, OFF);
        assert_eq!(lines, ["w1  w3"]);
        let lines = columns(&["a", "b", "c", "d"], Some(2), 20, 2, on);
        assert_eq!(lines, ["a  b  \x1b[7mc\x1b[m  d"]);
        let lines = columns(&["aaaaaaaaaaaaaaa", "b", "c", "d"], Some(2), 16, 3, OFF);
        assert_eq!(lines, ["c", "d", "… and 2 more"]);
    }

    proptest! {
        #[test]
        fn every_line_fits(
            words in prop::collection::vec("[a-z日\u{301}\x01]{0,12}", 0..40),
            selected in prop::option::of(0_usize..40),
            wide in 0_usize..60,
            max_rows in 0_usize..8,
        ) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let lines = columns(&words, selected, wide, max_rows, Palette::new(true));
            prop_assert!(lines.len() <= max_rows);
            for line in &lines {
                prop_assert!(width::styled_width(line) <= wide, "{line:?}");
            }
            if let Some(word) = selected.and_then(|at| words.get(at)).filter(|w| !w.is_empty() && wide > 0 && max_rows > 0) {
                let shown = visible(&width::ellipsize(word, wide));
                let shown = format!("\x1b[7m{shown}\x1b[m");
                prop_assert!(lines.iter().any(|line| line.contains(&shown)));
            }
        }
    }
}
