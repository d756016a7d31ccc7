//! What can come from a keyboard.

/// The modifiers that were held with a [`Named`] key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mods {
    /// Shift.
    pub shift: bool,
    /// Alt, or Meta.
    pub alt: bool,
    /// Ctrl.
    pub ctrl: bool,
}

impl Mods {
    /// No modifier.
    pub const NONE: Self = Self {
        shift: false,
        alt: false,
        ctrl: false,
    };
    /// Shift alone.
    pub const SHIFT: Self = Self {
        shift: true,
        ..Self::NONE
    };
    /// Alt alone.
    pub const ALT: Self = Self {
        alt: true,
        ..Self::NONE
    };
    /// Ctrl alone.
    pub const CTRL: Self = Self {
        ctrl: true,
        ..Self::NONE
    };
}

/// A key that has a name instead of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those on the keys")]
pub enum Named {
    Enter,
    Tab,
    Backspace,
    Esc,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Insert,
    Delete,
    F(u8),
}

/// Text that the terminal says was pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paste {
    /// The text as it came; bytes that are no UTF-8 became U+FFFD. At most [`super::PASTE_MAX`] bytes.
    pub text: String,
    /// True if there was more than fits; the rest is gone.
    pub cut: bool,
}

/// What was pressed, in whichever encoding the terminal sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A typed character; never a control character.
    Char(char),
    /// Ctrl and a character: a lower-case letter, or one of `@ [ \ ] ^ _` as in ASCII.
    Ctrl(char),
    /// Alt (or ESC before) and a character, as typed: `Alt('<')`, `Alt('B')`.
    Alt(char),
    /// Ctrl, Alt and a character.
    CtrlAlt(char),
    /// A named key, and what was held with it. Shift-Tab is `Tab` with shift.
    Named(Named, Mods),
    /// A bracketed paste.
    Paste(Paste),
}

impl Key {
    /// A named key without modifiers.
    pub const fn named(name: Named) -> Self {
        Self::Named(name, Mods::NONE)
    }
}
