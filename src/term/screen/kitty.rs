//! Kitty's keyboard protocol: flags that programs stack, on each screen apart.

use super::scan::Csi;

/// Flags that may be stacked; older ones are forgotten, as in terminals.
const DEPTH: usize = 16;

/// Kitty's keyboard flags of one screen, the ones in force last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kitty {
    base: u8,
    pushed: Vec<u8>,
}

impl Kitty {
    pub(super) fn current(&self) -> u8 {
        self.pushed.last().copied().unwrap_or(self.base)
    }

    pub(super) fn apply(&mut self, csi: &Csi<'_>) {
        let first = csi.parameter(0).unwrap_or(0);
        // Flags are five bits.
        let flags = u8::try_from(first & 0x1f).unwrap_or(0);
        match csi.marker {
            b'>' => {
                if self.pushed.len() == DEPTH {
                    self.pushed.remove(0);
                }
                self.pushed.push(flags);
            },
            b'<' => {
                let keep = self.pushed.len().checked_sub(usize::from(first.max(1)));
                if keep.is_none() {
                    self.base = 0;
                }
                self.pushed.truncate(keep.unwrap_or(0));
            },
            _ => {
                let top = self.pushed.last_mut().unwrap_or(&mut self.base);
                match csi.parameter(1).unwrap_or(1) {
                    1 => *top = flags,
                    2 => *top |= flags,
                    3 => *top &= !flags,
                    _ => {},
                }
            },
        }
    }

    pub(super) fn restore(&self, out: &mut Vec<u8>) {
        if self.base > 0 {
            out.extend(format!("\x1b[={};1u", self.base).bytes());
        }
        for flags in &self.pushed {
            out.extend(format!("\x1b[>{flags}u").bytes());
        }
    }
}

/// Takes all kitty flags off the screen that is shown.
pub(super) const KITTY_NONE: &[u8] = b"\x1b[<99u\x1b[=0;1u";
