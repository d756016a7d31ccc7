//! Laws of painting.

use super::super::*;
use super::Screen;
use crate::model::Size;
use proptest::prelude::*;

/// A prompt with everything in it.
#[derive(Clone, Debug)]
struct Scene {
    line: String,
    cursor: usize,
    hint: String,
    below: Vec<String>,
}

fn scene() -> impl Strategy<Value = Scene> {
    let line = prop::collection::vec(
        prop_oneof![
            8 => prop::sample::select(vec!["a", "b", " ", "日", "e\u{301}", "\x01", "\n"]).prop_map(str::to_owned),
            1 => "[a-c]{0,30}",
        ],
        0..12,
    );
    let below = prop::collection::vec("[ab日]{0,12}", 0..3);
    (line, any::<prop::sample::Index>(), "[h日]{0,3}", below).prop_map(|(line, at, hint, below)| {
        let cuts: Vec<usize> = line
            .iter()
            .scan(0, |at, part| {
                *at += part.len();
                Some(*at)
            })
            .collect();
        let cursor = if cuts.is_empty() { 0 } else { *at.get(&cuts) };
        Scene {
            line: line.concat(),
            cursor,
            hint,
            below,
        }
    })
}

fn show<'a>(scene: &'a Scene, size: Size) -> PromptView<'a> {
    PromptView {
        prompt: "\x1b[1mp\x1b[m$ ",
        line: &scene.line,
        cursor: scene.cursor,
        mark: None,
        hint: &scene.hint,
        below: &scene.below,
        size,
    }
}

/// What a terminal shows, cell by cell.
fn cells(terminal: &vt100::Parser) -> Vec<String> {
    let screen = terminal.screen();
    let (rows, cols) = screen.size();
    let look = |row, column| {
        let cell = screen.cell(row, column).unwrap();
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        let look = (cell.bold(), cell.dim(), cell.underline(), cell.inverse());
        format!("{text}{look:?}{}", cell.is_wide_continuation())
    };
    let all = (0..rows).flat_map(|row| (0..cols).map(move |column| (row, column)));
    all.map(|(row, column)| look(row, column))
        .chain([format!("{:?}", screen.cursor_position())])
        .collect()
}

proptest! {
    /// Whatever was painted before, by difference, with output between: the screen is the one that
    /// the output and one whole prompt make.
    #[test]
    fn painting_by_difference_is_painting_anew(
        turns in prop::collection::vec((scene(), prop::option::weighted(0.3, "[o-q]{1,8}")), 1..8),
        cols in 1_u16..30,
        rows in 2_u16..9,
    ) {
        // The terminal is higher than the painter is told, so that nothing scrolls.
        let size = Size { cols, rows };
        let mut terminal = vt100::Parser::new(90, cols, 0);
        let mut painter = Painter::new();
        let mut output = String::new();
        for (scene, out) in &turns {
            if let Some(out) = out {
                output.push_str(out);
                output.push('\n');
            }
            let out = out.as_ref().map_or(String::new(), |out| format!("{out}\n"));
            terminal.process(&painter.turn(out.as_bytes(), &show(scene, size)));
        }
        let mut anew = vt100::Parser::new(90, cols, 0);
        let last = &turns.last().unwrap().0;
        anew.process(&Painter::new().above(output.as_bytes()));
        anew.process(&Painter::new().paint(&show(last, size)));
        prop_assert_eq!(cells(&terminal), cells(&anew));
        // Erasing it leaves the output alone.
        terminal.process(&painter.hide(size));
        let mut only = vt100::Parser::new(90, cols, 0);
        only.process(&Painter::new().above(output.as_bytes()));
        prop_assert_eq!(cells(&terminal), cells(&only));
    }

    /// The same on a screen that scrolls, where only the text can be compared.
    #[test]
    fn no_output_is_lost_when_the_screen_scrolls(
        turns in prop::collection::vec((scene(), prop::collection::vec("[o-z]{1,5}", 0..4)), 1..12),
        cols in 6_u16..30,
        rows in 1_u16..9,
    ) {
        let mut screen = Screen::new(cols, rows);
        let mut expected = Vec::new();
        for (scene, output) in &turns {
            expected.extend(output.iter().cloned());
            let output: String = output.iter().map(|line| format!("{line}\n")).collect();
            let bytes = screen.painter.turn(output.as_bytes(), &show(scene, screen.size));
            screen.write(&bytes);
        }
        let mut anew = Screen::new(cols, 60);
        let bytes = Painter::new().paint(&show(&turns.last().unwrap().0, screen.size));
        anew.write(&bytes);
        let cursor = anew.cursor();
        expected.extend(anew.rows());
        prop_assert_eq!(screen.rows(), expected.clone());
        let output = expected.len() - anew.rows().len();
        prop_assert_eq!(screen.cursor(), (output + cursor.0, cursor.1));
    }

    /// A resize eats no output, whether the terminal wraps its rows anew or not.
    #[test]
    fn no_output_is_lost_when_the_terminal_is_resized(
        turns in prop::collection::vec((scene(), 6_u16..40, "[q-z]{1,5}"), 1..6),
        reflows in any::<bool>(),
    ) {
        let mut screen = Screen::new(20, 80);
        // The painter is told of less height, so that long lines are cut too.
        let told = |screen: &Screen| Size { cols: screen.size.cols, rows: 8 };
        let mut output = Vec::new();
        for (scene, cols, line) in &turns {
            output.push(line.clone());
            let size = told(&screen);
            let bytes = screen.painter.turn(format!("{line}\n").as_bytes(), &show(scene, size));
            screen.write(&bytes);
            if reflows { screen.reflow(*cols) } else { screen.crop(*cols) }
            let size = told(&screen);
            let bytes = screen.painter.paint(&show(scene, size));
            screen.write(&bytes);
            let rows = screen.rows();
            // Only output has these letters. After a stale piece of the prompt that the terminal
            // takes for a wrapped line, a row of output may be joined to it, but not be lost.
            let left: String = rows.concat().chars().filter(|c| ('q'..='z').contains(c)).collect();
            prop_assert_eq!(&left, &output.concat(), "{:?}", rows);
            let mut anew = Screen::new(*cols, 80);
            anew.write(&Painter::new().paint(&show(scene, size)));
            let prompt = anew.rows();
            prop_assert_eq!(&rows[rows.len() - prompt.len()..], &prompt);
        }
    }

    #[test]
    fn no_view_breaks_the_painter(
        prompt in "(?s:.){0,20}",
        line in "(?s:.){0,40}",
        cursor in 0_usize..60,
        mark in (0_usize..50, 0_usize..50),
        hint in "(?s:.){0,20}",
        below in prop::collection::vec("(?s:.){0,20}", 0..4),
        cols in 0_u16..12,
        rows in 0_u16..6,
        output in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut painter = Painter::new();
        let size = Size { cols, rows };
        let view = PromptView { prompt: &prompt, line: &line, cursor, mark: Some(mark.0..mark.1), hint: &hint, below: &below, size };
        painter.paint(&view);
        painter.turn(&output, &PromptView { cursor: cursor / 2, ..view.clone() });
        painter.commit(&PromptView { size: Size { cols: rows, rows: cols }, ..view.clone() });
        painter.clear_screen(&view);
        painter.hide(size);
    }
}
