//! Giving the terminal back: all that a program switched is undone, and what the user's primary
//! screen shows stays.

use super::modes::Modes;
use super::trace::Traced;
use crate::model::Size;

/// Ends whatever sequence was cut.
const CUT: &[u8] = b"\x1b\\";
/// No hyperlink, colours and character sets as terminals start: G0 to G3 ASCII, G0 in use. After the
/// alternate screen, whose end brings back what was in force at its start.
const DRAWING: &[u8] = b"\x1b]8;;\x1b\\\x1b[m\x1b(B\x1b)B\x1b*B\x1b+B\x0f";

/// See [`super::Screen::leave`]. `colours` are the OSC numbers that were set, `shown` a trace of
/// the whole painting.
pub(super) fn leave(modes: &Modes, colours: &[u16], shown: &Traced, size: Size) -> Vec<u8> {
    let mut out = CUT.to_vec();
    modes.undo(&mut out);
    // These move the cursor, whose place is known.
    out.extend(b"\x1b[?69l\x1b[?6l\x1b[r");
    out.extend(DRAWING);
    for number in colours {
        out.extend(format!("\x1b]{number}\x1b\\").bytes());
    }
    if modes.has_tabs() {
        out.extend(b"\x1b[3g");
        for col in (8..size.cols).step_by(8) {
            out.extend(format!("\x1b[1;{}H\x1bH", col + 1).bytes());
        }
    }
    let top = modes.region().map_or(1, |(top, _)| top);
    let origin = modes.is_on(true, 6) && !modes.is_alternate();
    let above = if origin { top - 1 } else { 0 };
    let cursor = shown.primary_row.saturating_add(above);
    // Below the text, and not above where the program left the cursor.
    let fresh = match shown.last_row {
        Some(last) if cursor <= last => last.saturating_add(1),
        _ => cursor,
    };
    if fresh < size.rows {
        out.extend(format!("\x1b[{};1H", fresh + 1).bytes());
    } else {
        out.extend(format!("\x1b[{};1H\r\n", size.rows).bytes());
    }
    out
}

/// See [`super::reset`].
///
/// The cursor's place is not known here. So DECSTR goes first, which ends origin mode and the scroll
/// region and moves nothing; where that is not known, origin mode is no part of a saved cursor.
pub(super) fn reset(back: &[u8]) -> Vec<u8> {
    [START, b"\x1b7\x1b[?1049l", back, REST].concat()
}

/// Ends what was cut, and kitty's keyboard flags of the screen that is shown.
const START: &[u8] = b"\x1b\\\x1b[?2026l\x1b[<99u\x1b[=0;1u";

/// All but the alternate screen.
const REST: &[u8] = b"\x1b[<99u\x1b[=0;1u\
    \x1b[!p\
    \x1b7\x1b[?69l\x1b[?6l\x1b[r\x1b8\
    \x1b]8;;\x1b\\\x1b[m\x1b(B\x1b)B\x1b*B\x1b+B\x0f\
    \x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l\
    \x1b[?1004l\x1b[?2004l\x1b[?2031l\x1b[?2048l\
    \x1b[?1l\x1b[?66l\x1b>\x1b[>4;0m\x1b[>4f\
    \x1b[4l\x1b[20l\x1b[?5l\x1b[?45l\x1b[?7h\x1b[?8h\x1b[?12l\x1b[?25h\x1b[0 q";
