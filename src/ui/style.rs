//! Colours and emphasis (SGR, ECMA-48 §8.3.117), or none of them.

/// The colours of nodes, as indices of xterm's 256. Each has a contrast of at least 3 on white and
/// on black, and neighbours differ; red is left to errors.
const NODES: [&str; 12] = [
    "\x1b[38;5;32m",
    "\x1b[38;5;136m",
    "\x1b[38;5;28m",
    "\x1b[38;5;163m",
    "\x1b[38;5;30m",
    "\x1b[38;5;166m",
    "\x1b[38;5;99m",
    "\x1b[38;5;64m",
    "\x1b[38;5;168m",
    "\x1b[38;5;67m",
    "\x1b[38;5;130m",
    "\x1b[38;5;134m",
];

/// What a piece of text is, which decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The output of a node, by the index that it keeps: its colour is always the same.
    Node(usize),
    /// The prompt's own name.
    Prompt,
    /// The head of a table, a name that stands out.
    Strong,
    /// What may be overlooked: hints, counts.
    Dim,
    /// A failure.
    Error,
    /// Something to look at that is no failure.
    Warning,
    /// Success, a node that runs.
    Good,
    /// What is selected in a menu.
    Selected,
}

/// Whether text gets colours, decided once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    on: bool,
}

impl Palette {
    /// With colours, or with none at all.
    pub const fn new(on: bool) -> Self {
        Self { on }
    }

    /// True if there are colours.
    pub const fn is_on(self) -> bool {
        self.on
    }

    /// What to write before text of this role; empty without colours.
    pub fn start(self, role: Role) -> &'static str {
        if !self.on {
            return "";
        }
        match role {
            Role::Node(index) => NODES.get(index % NODES.len()).copied().unwrap_or(""),
            Role::Prompt | Role::Strong => "\x1b[1m",
            Role::Dim => "\x1b[2m",
            Role::Error => "\x1b[38;5;160m",
            Role::Warning => "\x1b[38;5;136m",
            Role::Good => "\x1b[38;5;28m",
            Role::Selected => "\x1b[7m",
        }
    }

    /// What to write after it; empty without colours.
    pub const fn end(self) -> &'static str {
        if self.on { "\x1b[m" } else { "" }
    }

    /// The text in the look of its role.
    pub fn paint(self, role: Role, text: &str) -> String {
        format!("{}{text}{}", self.start(role), self.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of an index of xterm's colour cube (WCAG 2.1).
    fn luminance(index: u32) -> f64 {
        let levels = [0.0, 95.0, 135.0, 175.0, 215.0, 255.0];
        let linear = |level: u32| {
            let c: f64 = levels[level as usize] / 255.0;
            if c <= 0.03928 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        let cube = index - 16;
        0.2126 * linear(cube / 36) + 0.7152 * linear(cube / 6 % 6) + 0.0722 * linear(cube % 6)
    }

    #[test]
    fn colours_are_readable_on_dark_and_light() {
        let on = Palette::new(true);
        let others = [Role::Error, Role::Warning, Role::Good];
        for sgr in NODES.into_iter().chain(others.map(|role| on.start(role))) {
            let index = sgr
                .strip_prefix("\x1b[38;5;")
                .unwrap()
                .strip_suffix('m')
                .unwrap();
            let luminance = luminance(index.parse().unwrap());
            assert!(1.05 / (luminance + 0.05) > 3.0, "{index} on white");
            assert!((luminance + 0.05) / 0.05 > 3.0, "{index} on black");
        }
    }

    #[test]
    fn a_node_keeps_its_colour() {
        let on = Palette::new(true);
        assert_eq!(
            on.start(Role::Node(3)),
            on.start(Role::Node(3 + NODES.len()))
        );
        for index in 0..NODES.len() {
            assert_ne!(on.start(Role::Node(index)), on.start(Role::Node(index + 1)));
        }
        assert_eq!(on.paint(Role::Node(0), "w0"), "\x1b[38;5;32mw0\x1b[m");
    }

    #[test]
    fn without_colours_there_is_nothing() {
        assert_eq!(Palette::new(false).paint(Role::Error, "lost"), "lost");
    }
}
