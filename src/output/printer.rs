//! Prints what nodes send, line by line, as soon as a line is whole.

use memchr::{memchr, memrchr};

use super::json;
use super::lines::{LineAssembler, MAX_LINE};
use super::sanitise::{clean, last_state};
use crate::model::NodeId;

/// How many colours there are for nodes' names; an index is taken modulo this.
pub const PALETTE: usize = 10;

/// The colours of names: SGR parameters. Red is left to failures.
const COLOURS: [u8; PALETTE] = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/// What the output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A person at a terminal: sanitised; of a line with carriage returns the last state only.
    Terminal {
        /// Whether names are coloured and the nodes' own colours pass.
        colours: bool,
    },
    /// A pipe or a file: the nodes' own bytes, with prefixes.
    Pipe,
    /// One JSON object a line ([`json`]).
    Json,
}

/// A line that was printed without its newline, last of all.
#[derive(Clone, Copy, Debug)]
struct Open {
    id: NodeId,
    /// What comes next from this node may go on there; not so once its command has ended.
    goes_on: bool,
}

/// Prints the lines of many nodes to one place. All methods append to `out`, which is what is to be
/// written there; nothing else may be written in between without [`Printer::close`].
///
/// - Every whole line is printed at once as `[name] line`. Nodes' lines interleave; no empty lines
///   are put between nodes, since nothing would tell them from output. (Blocks by node are what
///   folding is for.)
/// - On a terminal an unfinished line is printed when the caller says so ([`Printer::partial`]). Its
///   rest goes on there if nothing else was printed meanwhile, else on a new line with the name
///   again.
/// - In a pipe unfinished lines wait for their end or the command's. Bytes are exact: without the
///   prefixes they are what the node sent, except that a newline is put after a last line that has
///   none when another line follows. A line above [`MAX_LINE`] comes in pieces; where another node's
///   line comes between two, the second begins with `[name]+ ` and belongs to the line before.
/// - As JSON, each line or piece is one object.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    open: Option<Open>,
}

impl Printer {
    /// A printer at the start of a line.
    pub fn new(format: Format) -> Self {
        Self { format, open: None }
    }

    /// It prints in another way from now on.
    pub fn set_format(&mut self, format: Format, out: &mut Vec<u8>) {
        self.close(out);
        self.format = format;
    }

    /// A node's lines look as those that [`Printer::node`] makes now.
    pub fn recolour(&self, node: &mut LineAssembler, colour: usize) {
        node.prefix = self.node(node.id, &node.name, colour).prefix;
        let colours = matches!(self.format, Format::Terminal { colours: true });
        node.sanitiser.set_colours(colours);
    }

    /// How it prints.
    pub fn format(&self) -> Format {
        self.format
    }

    /// A node whose lines this printer will print; `colour` is an index into the palette.
    pub fn node(&self, id: NodeId, name: &str, colour: usize) -> LineAssembler {
        let colours = matches!(self.format, Format::Terminal { colours: true });
        let prefix = match self.format {
            Format::Terminal { colours: true } => {
                let code = COLOURS.get(colour % PALETTE).copied().unwrap_or(36);
                format!("\x1b[{code}m[{}]\x1b[0m ", clean(name.as_bytes()))
            },
            Format::Terminal { colours: false } => format!("[{}] ", clean(name.as_bytes())),
            Format::Pipe | Format::Json => format!("[{name}] "),
        };
        LineAssembler::new(id, name.to_owned(), prefix.into_bytes(), colours)
    }

    /// Takes what the node sent, and prints the lines that it completes.
    pub fn push(&mut self, node: &mut LineAssembler, mut chunk: &[u8], out: &mut Vec<u8>) {
        if !node.held.is_empty() || node.begun {
            let Some(end) = memchr(b'\n', chunk) else {
                return self.hold(node, chunk, out);
            };
            self.hold(node, &chunk[..end], out);
            self.end_line(node, true, out);
            chunk = &chunk[end + 1..];
        }
        let Some(last) = memrchr(b'\n', chunk) else {
            return self.hold(node, chunk, out);
        };
        let (whole, rest) = chunk.split_at(last + 1);
        self.close(out);
        out.reserve(whole.len() + whole.len() / 4);
        match self.format {
            Format::Terminal { .. } => self.each_line(node, whole, out, |node, line, out| {
                let (before, text) = last_state(line);
                if !before.is_empty() {
                    node.sanitiser.skip(before);
                }
                out.extend_from_slice(&node.prefix);
                node.sanitiser.line(text, out);
                out.push(b'\n');
            }),
            Format::Pipe => self.each_line(node, whole, out, |node, line, out| {
                out.extend_from_slice(&node.prefix);
                out.extend_from_slice(line);
                out.push(b'\n');
            }),
            Format::Json => self.each_line(node, whole, out, |node, line, out| {
                json::line(out, &node.name, line, true);
            }),
        }
        self.hold(node, rest, out);
    }

    /// Hands whole lines to `print`, and those that are too long to [`Self::hold`].
    #[inline]
    fn each_line(
        &mut self,
        node: &mut LineAssembler,
        mut whole: &[u8],
        out: &mut Vec<u8>,
        print: impl Fn(&mut LineAssembler, &[u8], &mut Vec<u8>),
    ) {
        while let Some(end) = memchr(b'\n', whole) {
            let line = &whole[..end];
            if line.len() <= MAX_LINE {
                print(node, line, out);
            } else {
                self.hold(node, line, out);
                self.end_line(node, true, out);
            }
            whole = &whole[end + 1..];
        }
    }

    /// Prints the unfinished line of a node that has been quiet for a while. In a pipe and as JSON
    /// it does nothing: there, lines come whole.
    pub fn partial(&mut self, node: &mut LineAssembler, out: &mut Vec<u8>) {
        if matches!(self.format, Format::Terminal { .. }) && node.waiting().is_some() {
            let visible = self.terminal(node, false, out);
            node.printed(visible);
        }
    }

    /// The node's command has ended: prints what is left, and closes its line on a terminal.
    pub fn end(&mut self, node: &mut LineAssembler, out: &mut Vec<u8>) {
        if !node.held.is_empty() || node.begun || node.sanitiser.is_inside_sequence() {
            self.end_line(node, false, out);
        }
        node.sanitiser.reset();
    }

    /// Ends a line that was left open, so that a prompt or a notice can follow.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            out.push(b'\n');
        }
    }

    /// Keeps text without newlines; what there is no room for is printed.
    fn hold(&mut self, node: &mut LineAssembler, mut text: &[u8], out: &mut Vec<u8>) {
        loop {
            text = node.hold(text);
            if text.is_empty() {
                return;
            }
            let visible = match self.format {
                Format::Terminal { .. } => {
                    if node.forget_overwritten() && node.held.len() < MAX_LINE {
                        continue;
                    }
                    self.terminal(node, false, out)
                },
                Format::Pipe => {
                    self.pipe(node, out);
                    true
                },
                Format::Json => {
                    json::line(out, &node.name, &node.held, false);
                    true
                },
            };
            node.printed(visible);
        }
    }

    /// The unfinished line ends here; `newline`: by a newline, else by the end of the command.
    fn end_line(&mut self, node: &mut LineAssembler, newline: bool, out: &mut Vec<u8>) {
        match self.format {
            Format::Terminal { .. } => {
                self.terminal(node, true, out);
            },
            Format::Pipe => {
                if newline || !node.held.is_empty() {
                    self.pipe(node, out);
                }
                if newline {
                    self.close(out);
                } else if let Some(open) = self.open.as_mut().filter(|o| o.id == node.id) {
                    open.goes_on = false;
                }
            },
            Format::Json => {
                if newline || !node.held.is_empty() {
                    json::line(out, &node.name, &node.held, newline);
                }
            },
        }
        node.ended();
    }

    /// True if what comes from this node goes on where its line was left.
    fn is_open(&self, node: &LineAssembler) -> bool {
        node.begun
            && self
                .open
                .is_some_and(|open| open.id == node.id && open.goes_on)
    }

    /// Prints the held text as it is.
    fn pipe(&mut self, node: &LineAssembler, out: &mut Vec<u8>) {
        if !self.is_open(node) {
            self.close(out);
            out.extend_from_slice(&node.prefix);
            if node.begun {
                let mark = out.len() - 1;
                out.insert(mark, b'+');
            }
        }
        out.extend_from_slice(&node.held);
        self.open = Some(Open {
            id: node.id,
            goes_on: true,
        });
    }

    /// Prints what is seen of the held text; `end`: the line ends. True if anything was printed.
    fn terminal(&mut self, node: &mut LineAssembler, end: bool, out: &mut Vec<u8>) -> bool {
        let (before, text) = last_state(&node.held);
        if !before.is_empty() {
            node.sanitiser.skip(before);
        }
        let again = node.redraw || !before.is_empty();
        let start = out.len();
        let goes_on = self.is_open(node) && (!again || text.is_empty());
        if !goes_on {
            if self.open.is_some() {
                out.push(b'\n');
            }
            out.extend_from_slice(&node.prefix);
        }
        let visible = if end {
            node.sanitiser.line(text, out)
        } else {
            node.sanitiser.piece(text, out)
        };
        // A newline after what was printed already; or a sequence that is not whole yet.
        if !visible && (node.begun || !end) {
            out.truncate(start);
            if end && self.is_open(node) {
                self.close(out);
            }
            return false;
        }
        if end {
            out.push(b'\n');
            self.open = None;
        } else {
            self.open = Some(Open {
                id: node.id,
                goes_on: true,
            });
        }
        true
    }
}

#[cfg(test)]
mod tests;
