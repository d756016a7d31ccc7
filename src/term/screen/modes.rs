//! The modes that a program has set: what the screen model does not keep or does not tell.
//!
//! One table drives all uses: what is followed, what a repaint sets again, what `DECRQM` is told,
//! and what is undone on leaving. Numbers are those of xterm's ctlseqs, `DECSET` and `SM`; those of
//! kitty and Contour where xterm has none.

use super::kitty::{KITTY_NONE, Kitty};
use super::scan::Csi;

/// One mode that is on or off.
#[derive(Debug)]
struct Mode {
    number: u16,
    /// `CSI ? n h` if true, else `CSI n h`.
    private: bool,
    /// How terminals start.
    default: bool,
    /// A repaint has to set it: the model does not.
    ours: bool,
}

impl Mode {
    /// False for what moves the cursor (origin, margins: undone with care), and for what terminals
    /// start with as their owners like it: nobody can say to what it should be undone.
    fn is_undone(&self) -> bool {
        !(self.private && matches!(self.number, 6 | 69 | 1007 | 2027))
    }
}

const fn model(number: u16, default: bool) -> Mode {
    Mode {
        number,
        private: true,
        default,
        ours: false,
    }
}

const fn ours(number: u16, default: bool) -> Mode {
    Mode {
        number,
        private: true,
        default,
        ours: true,
    }
}

const fn ansi(number: u16, ours: bool) -> Mode {
    Mode {
        number,
        private: false,
        default: false,
        ours,
    }
}

const MODES: &[Mode] = &[
    model(1, false),    // cursor keys send SS3
    ours(5, false),     // reverse video
    model(6, false),    // origin
    model(7, true),     // autowrap
    ours(8, true),      // keys repeat
    ours(9, false),     // mouse: presses (X10)
    model(12, false),   // cursor blinks
    model(25, true),    // cursor shown
    ours(45, false),    // backspace wraps
    ours(66, false),    // keypad
    model(69, false),   // left and right margins
    model(1000, false), // mouse: presses and releases
    model(1002, false), // mouse: drags
    model(1003, false), // mouse: all motion
    model(1004, false), // focus
    model(1005, false), // mouse: UTF-8 coordinates
    model(1006, false), // mouse: SGR coordinates
    ours(1007, true),   // wheel as arrow keys on the alternate screen
    model(1015, false), // mouse: urxvt coordinates
    model(1016, false), // mouse: SGR pixels
    model(2004, false), // bracketed paste
    ours(2026, false),  // updates held back
    ours(2027, false),  // grapheme clusters
    ours(2031, false),  // changes of the colour scheme
    ours(2048, false),  // changes of the size
    ansi(4, false),     // insert
    ansi(20, true),     // LF is CR LF
];

/// Held-back updates are never set again: the end of such an update may have been long ago.
const SYNCHRONISED: u16 = 2026;
/// What the mouse reports: the last one set wins.
const MOUSE_REPORTS: [u16; 4] = [9, 1000, 1002, 1003];
/// How the mouse's coordinates are written: the last one set wins.
const MOUSE_FORMATS: [u16; 4] = [1005, 1006, 1015, 1016];
/// DECSTR ends these (VT510 manual, as xterm does it).
const SOFT_RESET: [(u16, bool); 7] = [
    (1, true),
    (6, true),
    (7, true),
    (25, true),
    (66, true),
    (69, true),
    (4, false),
];
/// All that a program has switched.
#[derive(Debug, Default)]
pub(super) struct Modes {
    /// Bit n: mode n of the table is not as terminals start.
    changed: u32,
    /// Bit n: mode n was switched at least once, so that a terminal may have it so.
    touched: u32,
    /// Bit n: mode n was changed when it was saved (XTSAVE).
    saved: u32,
    mouse_report: u16,
    mouse_format: u16,
    /// The alternate screen is shown.
    alternate: bool,
    /// Of the primary and of the alternate screen.
    kitty: [Kitty; 2],
    kitty_used: bool,
    modify_other_keys: u16,
    format_other_keys: u16,
    other_keys_used: bool,
    /// Origin mode at DECSC, of the primary and of the alternate screen.
    saved_origin: [bool; 2],
    /// `ESC =` or `ESC >` was sent; what they switch is mode 66.
    keypad_used: bool,
    cursor_style: u16,
    cursor_style_used: bool,
    /// First and last row, counted from 1, if not all rows.
    region: Option<(u16, u16)>,
    /// Tab stops were set or cleared.
    tabs: bool,
}

impl Modes {
    /// The alternate screen is shown: a program that uses the full screen.
    pub(super) fn is_alternate(&self) -> bool {
        self.alternate
    }

    /// True if mode `number` is on.
    pub(super) fn is_on(&self, private: bool, number: u16) -> bool {
        find(private, number)
            .is_some_and(|(bit, mode)| mode.default != (self.changed >> bit & 1 == 1))
    }

    /// What `DECRQM` is answered (VT510 manual): 1 set, 2 reset, 0 not known.
    pub(super) fn report(&self, private: bool, number: u16) -> u8 {
        let on = match (private, number) {
            (true, 47 | 1047 | 1049) => self.alternate,
            _ if find(private, number).is_none() => return 0,
            _ => self.is_on(private, number),
        };
        if on { 1 } else { 2 }
    }

    /// Kitty's keyboard flags in force.
    pub(super) fn kitty(&self) -> u8 {
        self.screen_kitty().current()
    }

    /// xterm's modifyOtherKeys.
    pub(super) fn modify_other_keys(&self) -> u16 {
        self.modify_other_keys
    }

    /// The parameter of DECSCUSR that was sent last; 0 is the terminal's default.
    pub(super) fn cursor_style(&self) -> u16 {
        self.cursor_style
    }

    /// Tab stops were set or cleared at some time.
    pub(super) fn has_tabs(&self) -> bool {
        self.tabs
    }

    /// First and last row of the scroll region, counted from 1, if it is not the whole screen.
    pub(super) fn region(&self) -> Option<(u16, u16)> {
        self.region
    }

    fn screen_kitty(&self) -> &Kitty {
        let [primary, alternate] = &self.kitty;
        if self.alternate { alternate } else { primary }
    }

    /// A resize ends the scroll region, in the model as in terminals.
    pub(super) fn resized(&mut self) {
        self.region = None;
    }

    /// Takes a control sequence that may switch something, on a screen of `rows` rows.
    pub(super) fn csi(&mut self, csi: &Csi<'_>, rows: u16) {
        match csi.kind() {
            (b'?', 0, on @ (b'h' | b'l')) => {
                for (number, sub) in csi.with_sub() {
                    self.switch_if(sub.is_none(), true, number, on == b'h');
                }
            },
            (0, 0, on @ (b'h' | b'l')) => {
                for (number, sub) in csi.with_sub() {
                    self.switch_if(sub.is_none(), false, number, on == b'h');
                }
            },
            (b'?', 0, b's') => {
                for bit in csi.parameters().filter_map(|n| find(true, n)) {
                    let bit = 1 << bit.0;
                    self.saved = self.saved & !bit | self.changed & bit;
                }
            },
            (0, 0, b'r') => {
                let top = csi.parameter(0).unwrap_or(1);
                let bottom = csi.parameter(1).filter(|b| *b <= rows).unwrap_or(rows);
                if top < bottom {
                    self.region = (top > 1 || bottom < rows).then_some((top, bottom));
                }
            },
            (0, 0, b's') if !self.is_on(true, 69) => self.save_cursor(),
            (0, 0, b'u') => self.restore_cursor(),
            (0, b' ', b'q') => {
                let style = csi.parameter(0).unwrap_or(0);
                if style <= 6 {
                    self.cursor_style = style;
                    self.cursor_style_used = true;
                }
            },
            (0, b'!', b'p') => self.soft_reset(),
            (0, 0, b'g' | b'W') => self.tabs = true,
            (b'<' | b'=' | b'>', 0, b'u') => {
                self.kitty_used = true;
                let [primary, alternate] = &mut self.kitty;
                let kitty = if self.alternate { alternate } else { primary };
                kitty.apply(csi);
            },
            (b'>', 0, last @ (b'm' | b'n' | b'f')) => {
                let value = if last == b'n' { None } else { csi.parameter(1) };
                let value = value.unwrap_or(0).min(9);
                if matches!(csi.parameter(0), None | Some(4)) {
                    self.other_keys_used = true;
                    if last == b'f' {
                        self.format_other_keys = value;
                    } else {
                        self.modify_other_keys = value;
                    }
                }
            },
            _ => {},
        }
    }

    /// What XTRESTORE (`CSI ? n r`) comes to, as a sequence that the model knows.
    pub(super) fn restored(&self, csi: &Csi<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        for number in csi.parameters() {
            if let Some((bit, mode)) = find(true, number) {
                let on = mode.default != (self.saved >> bit & 1 == 1);
                put(&mut out, mode, on);
            }
        }
        out
    }

    /// Takes a sequence without parameters.
    pub(super) fn escape(&mut self, intermediate: Option<u8>, last: u8) {
        match (intermediate, last) {
            (None, b'7') => self.save_cursor(),
            (None, b'8') => self.restore_cursor(),
            (None, b'=' | b'>') => {
                self.keypad_used = true;
                if let Some((bit, _)) = find(true, 66) {
                    self.set(bit, last == b'=');
                }
            },
            (None, b'c') => self.reset(),
            (None, b'H') => self.tabs = true,
            _ => {},
        }
    }

    /// RIS. What was ever touched stays so: terminals differ in what they reset.
    fn reset(&mut self) {
        *self = Self {
            touched: self.touched,
            kitty_used: self.kitty_used,
            other_keys_used: self.other_keys_used,
            keypad_used: self.keypad_used,
            cursor_style_used: self.cursor_style_used,
            tabs: self.tabs,
            ..Self::default()
        };
    }

    fn soft_reset(&mut self) {
        for (number, private) in SOFT_RESET {
            if let Some((bit, mode)) = find(private, number) {
                self.set(bit, mode.default);
            }
        }
        self.cursor_style = 0;
        self.region = None;
        *self.screen_origin() = false;
    }

    fn screen_origin(&mut self) -> &mut bool {
        let [primary, alternate] = &mut self.saved_origin;
        if self.alternate { alternate } else { primary }
    }

    fn save_cursor(&mut self) {
        *self.screen_origin() = self.is_on(true, 6);
    }

    fn restore_cursor(&mut self) {
        let origin = *self.screen_origin();
        if let Some((bit, _)) = find(true, 6) {
            self.set(bit, origin);
        }
    }

    /// With a subparameter it is not `sure` that a terminal switches anything; some do.
    fn switch_if(&mut self, sure: bool, private: bool, number: u16, on: bool) {
        if sure {
            self.switch(private, number, on);
        } else if let Some((bit, _)) = find(private, number) {
            self.touched |= 1 << bit;
        }
    }

    fn switch(&mut self, private: bool, number: u16, on: bool) {
        match (private, number) {
            (true, 1049) => {
                if on {
                    self.save_cursor();
                }
                self.alternate = on;
                if !on {
                    self.restore_cursor();
                }
            },
            (true, 47 | 1047) => self.alternate = on,
            (true, 1048) if on => self.save_cursor(),
            (true, 1048) => self.restore_cursor(),
            _ => {
                if private && on && MOUSE_REPORTS.contains(&number) {
                    self.mouse_report = number;
                }
                if private && on && MOUSE_FORMATS.contains(&number) {
                    self.mouse_format = number;
                }
                if let Some((bit, _)) = find(private, number) {
                    self.touched |= 1 << bit;
                    self.set(bit, on);
                }
            },
        }
    }

    fn set(&mut self, bit: usize, on: bool) {
        let differs = MODES.get(bit).is_some_and(|mode| mode.default != on);
        self.changed = self.changed & !(1 << bit) | u32::from(differs) << bit;
    }

    /// What goes before the model's own painting: a terminal that still shows an earlier state of
    /// this screen is brought back to its start, in what the model does not reset.
    pub(super) fn before(&self, out: &mut Vec<u8>) {
        // Nothing is drawn until it is all there.
        out.extend(b"\x1b[?1049l\x1b[?2026h");
        if self.kitty_used {
            out.extend(KITTY_NONE);
            let [primary, _] = &self.kitty;
            primary.restore(out);
        }
        if self.touched_any(|mode| mode.number == 66) {
            out.extend(b"\x1b[?66l");
        }
    }

    /// What goes after the model's own painting.
    pub(super) fn after(&self, out: &mut Vec<u8>) {
        for (bit, mode) in MODES.iter().enumerate() {
            if mode.ours && mode.number != SYNCHRONISED && self.touched >> bit & 1 == 1 {
                put(out, mode, mode.default != (self.changed >> bit & 1 == 1));
            }
        }
        // The model sets them in the order of their numbers.
        for number in [self.mouse_report, self.mouse_format] {
            if let Some((_, mode)) = find(true, number)
                && self.is_on(true, number)
            {
                put(out, mode, true);
            }
        }
        if self.alternate && self.kitty_used {
            out.extend(KITTY_NONE);
            let [_, alternate] = &self.kitty;
            alternate.restore(out);
        }
        if self.other_keys_used {
            out.extend(format!("\x1b[>4;{}m", self.modify_other_keys).bytes());
            if self.format_other_keys > 0 {
                out.extend(format!("\x1b[>4;{}f", self.format_other_keys).bytes());
            }
        }
        if self.cursor_style_used && self.cursor_style == 0 {
            out.extend(b"\x1b[0 q");
        }
        if self.is_on(true, 66) {
            out.extend(b"\x1b=");
        }
        out.extend(b"\x1b[?2026l");
    }

    /// Undoes what may be set on a terminal, but not what moves the cursor: scroll region, margins,
    /// origin mode. The alternate screen is left first, also if it should not be shown: where a
    /// terminal reads a stream in another way, that mends it.
    pub(super) fn undo(&self, out: &mut Vec<u8>) {
        out.extend(b"\x1b[?2026l");
        if self.alternate && self.kitty_used {
            out.extend(KITTY_NONE);
        }
        out.extend(b"\x1b[?1049l");
        if self.kitty_used {
            out.extend(KITTY_NONE);
        }
        for (bit, mode) in MODES.iter().enumerate() {
            if mode.is_undone() && self.touched >> bit & 1 == 1 {
                put(out, mode, mode.default);
            }
        }
        if self.other_keys_used {
            out.extend(b"\x1b[>4;0m");
        }
        if self.format_other_keys > 0 {
            out.extend(b"\x1b[>4f");
        }
        if self.keypad_used {
            out.extend(b"\x1b>");
        }
        if self.cursor_style_used || self.touched_any(|mode| mode.number == 12) {
            out.extend(b"\x1b[0 q");
        }
    }

    fn touched_any(&self, which: impl Fn(&Mode) -> bool) -> bool {
        let mut modes = MODES.iter().enumerate();
        modes.any(|(bit, mode)| self.touched >> bit & 1 == 1 && which(mode))
    }
}

/// Sets or resets a mode.
fn put(out: &mut Vec<u8>, mode: &Mode, on: bool) {
    let marker = if mode.private { "?" } else { "" };
    let last = if on { 'h' } else { 'l' };
    out.extend(format!("\x1b[{marker}{}{last}", mode.number).bytes());
}

/// The bytes that reset every mode that is undone on leaving.
#[cfg(test)]
pub(super) fn undo_all() -> Vec<Vec<u8>> {
    let undone = MODES.iter().filter(|mode| mode.is_undone());
    undone
        .map(|mode| {
            let mut out = Vec::new();
            put(&mut out, mode, mode.default);
            out
        })
        .collect()
}

fn find(private: bool, number: u16) -> Option<(usize, &'static Mode)> {
    MODES
        .iter()
        .enumerate()
        .find(|(_, mode)| mode.private == private && mode.number == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_is_named_once_and_has_a_bit() {
        for (at, mode) in MODES.iter().enumerate() {
            let (first, _) = find(mode.private, mode.number).unwrap();
            assert_eq!(first, at, "{mode:?}");
        }
        assert!(MODES.len() <= 32);
    }
}
