//! The seam to the terminal model, shpool-vterm: what it is given, what it gives, and what happens
//! if it panics. All that is known of its ways is in this file and in `trace`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shpool_vterm::{ContentRegion, Term};

use super::Scrollback;
use crate::model::Size;

/// The model of one screen. It holds `rows + scrollback` lines of the primary screen.
pub(super) struct Model {
    term: Term,
    size: Size,
    scrollback: usize,
    failures: u32,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("size", &self.size)
            .field("scrollback", &self.scrollback)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// `size` is at least 1×1.
    pub(super) fn new(size: Size, scrollback: usize) -> Self {
        Self {
            term: fresh(size, scrollback),
            size,
            scrollback,
            failures: 0,
        }
    }

    /// How often the model panicked and was replaced by an empty one.
    #[cfg(test)]
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Takes what a program sent: text, or whole sequences.
    pub(super) fn process(&mut self, bytes: &[u8]) {
        self.guarded(|term| term.process(bytes));
    }

    /// `size` is at least 1×1.
    pub(super) fn resize(&mut self, size: Size) {
        self.size = size;
        let lines = usize::from(size.rows) + self.scrollback;
        self.guarded(|term| {
            term.resize(shape(size));
            // Narrowing makes more lines of the same text, beyond the limit.
            term.set_scrollback_lines(lines);
        });
    }

    /// Keeps so many rows of what scrolled off the top of the primary screen, and will.
    pub(super) fn keep_scrollback(&mut self, rows: usize) {
        self.scrollback = rows;
        let height = usize::from(self.size.rows);
        self.guarded(|term| term.set_scrollback_lines(height + rows));
    }

    /// The bytes that paint the screen.
    pub(super) fn dump(&self, scrollback: Scrollback) -> Vec<u8> {
        let region = match scrollback {
            Scrollback::None => ContentRegion::Screen,
            Scrollback::Rows(rows) => {
                ContentRegion::BottomLines(usize::from(self.size.rows).saturating_add(rows))
            },
        };
        self.contents(region)
    }

    /// As [`Self::dump`], but without the primary screen's text: only where the cursor is and how it
    /// draws.
    pub(super) fn dump_cursor(&self) -> Vec<u8> {
        self.contents(ContentRegion::BottomLines(0))
    }

    /// The window's title.
    #[cfg(test)]
    pub(super) fn title(&self) -> Option<String> {
        let title = self.term.title()?;
        Some(String::from_utf8_lossy(title).into_owned())
    }

    fn contents(&self, region: ContentRegion) -> Vec<u8> {
        catch_unwind(AssertUnwindSafe(|| self.term.contents(region))).unwrap_or_default()
    }

    /// A panic leaves a model that cannot be trusted: an empty one takes its place. The program's
    /// next full repaint is right again.
    fn guarded(&mut self, act: impl FnOnce(&mut Term)) {
        let term = &mut self.term;
        if catch_unwind(AssertUnwindSafe(|| act(term))).is_err() {
            self.failures = self.failures.saturating_add(1);
            self.term = fresh(self.size, self.scrollback);
        }
    }
}

fn fresh(size: Size, scrollback: usize) -> Term {
    Term::new(usize::from(size.rows) + scrollback, shape(size))
}

fn shape(size: Size) -> shpool_vterm::Size {
    shpool_vterm::Size {
        width: usize::from(size.cols),
        height: usize::from(size.rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_leaves_an_empty_screen_that_works() {
        let mut model = Model::new(Size { cols: 10, rows: 3 }, 5);
        model.process(b"lost");
        model.guarded(|_| panic!("a panic that is meant"));
        assert_eq!(model.failures(), 1);
        model.process(b"found");
        let painted = String::from_utf8(model.dump(Scrollback::None)).unwrap();
        assert!(painted.contains("found") && !painted.contains("lost"));
        assert_eq!(model.term.size(), shape(Size { cols: 10, rows: 3 }));
    }
}
