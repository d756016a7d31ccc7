//! What a person types at a shell that reads lines, as far as it says whether the shell still does.

use super::{Phase, Raw};

const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

impl Raw {
    /// Follows what is typed: a line that is ended may run anything from now on. A newline that is
    /// pasted into a line editor ends nothing.
    pub(super) fn line_keys(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let pasted = self.is_pasted(byte);
            let ends = match byte {
                _ if pasted => false,
                b'\r' | b'\n' | 0x0f => true,
                0x04 => !self.tells,
                _ => false,
            };
            if ends {
                self.more |= self.phase == Phase::Running;
                self.phase = Phase::Running;
                self.tail = false;
            } else {
                if let Phase::Prompt { typed } = &mut self.phase {
                    *typed = true;
                }
                // An interrupt leaves nothing on the line.
                self.tail = byte != 0x03;
            }
        }
    }

    fn is_pasted(&mut self, byte: u8) -> bool {
        let target = if self.pasting {
            PASTE_ENDS
        } else {
            PASTE_BEGINS
        };
        // Escape stands at the start of these alone.
        self.matched = match target.get(self.matched) {
            Some(wanted) if *wanted == byte => self.matched + 1,
            _ => usize::from(byte == 0x1b),
        };
        if self.matched == target.len() {
            self.matched = 0;
            self.pasting = !self.pasting;
        }
        self.pasting
    }
}
