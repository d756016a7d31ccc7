//! What to measure, from the command line and the environment.

pub(crate) const HELP: &str = "\
make bench BENCH=\"[PART...] [--nodes N,N...] [--runs N] [--tools NAME,...]\"

Parts (all, in this order, where none is named):
  start     what it costs to start, and to paint the first prompt
  cold      connect, authenticate, run `echo`, end; at each number of nodes
  defaults  the same at 100 nodes, with OpenSSH's own choice of key exchange
  memory    most memory over the process tree, sessions held, at the largest number of nodes
  warm      a round trip in shells or connections that are up
  output    10 nodes print 27 MB each
  transfer  100 MB to 4 nodes, 10,000 small files to one, memory for 1 GB to 50
  many      1,000 persistent shells, dust alone
  raw       a node's shell at a terminal: keys, 100 MB, attaching again; beside ssh and tmux
  background  100 raw shells in the background print 1 MB/s each, dust alone
  screen      the model of a raw shell's screen: bytes a second, and repaints, dust alone

  --nodes   numbers of nodes (1,10,100,200)
  --runs    how often each tool takes a turn (5; the median counts)
  --tools   of dust, xargs, pdsh, clush, polysh, parallel-ssh
  --shells  how many persistent shells `many` opens (1000)

DUST_BIN=FILE measures another dust.
";

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Start,
    Cold,
    Defaults,
    Memory,
    Warm,
    Output,
    Transfer,
    Many,
    Raw,
    Background,
    Screen,
}

const PARTS: &[(&str, Part)] = &[
    ("start", Part::Start),
    ("cold", Part::Cold),
    ("defaults", Part::Defaults),
    ("memory", Part::Memory),
    ("warm", Part::Warm),
    ("output", Part::Output),
    ("transfer", Part::Transfer),
    ("many", Part::Many),
    ("raw", Part::Raw),
    ("background", Part::Background),
    ("screen", Part::Screen),
];

/// What to measure.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) parts: Vec<Part>,
    pub(crate) nodes: Vec<usize>,
    pub(crate) runs: usize,
    pub(crate) tools: Option<Vec<String>>,
    pub(crate) shells: usize,
}

impl Options {
    /// None: help is wanted.
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            parts: Vec::new(),
            nodes: vec![1, 10, 100, 200],
            runs: 5,
            tools: None,
            shells: 1000,
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                // Cargo adds this one.
                "--bench" => {},
                "help" | "-h" | "--help" => return Ok(None),
                "all" => options.parts.extend(PARTS.iter().map(|(_, part)| *part)),
                "--runs" => options.runs = number(&value()?)?.max(1),
                "--shells" => options.shells = number(&value()?)?.max(1),
                "--nodes" => {
                    options.nodes = value()?.split(',').map(number).collect::<Result<_, _>>()?;
                },
                "--tools" => options.tools = Some(value()?.split(',').map(str::to_owned).collect()),
                word => match PARTS.iter().find(|(name, _)| *name == word) {
                    Some((_, part)) => options.parts.push(*part),
                    None => return Err(format!("no such part: {word}")),
                },
            }
        }
        if options.parts.is_empty() {
            options.parts.extend(PARTS.iter().map(|(_, part)| *part));
        }
        Ok(Some(options))
    }

    /// Whether a tool takes part.
    pub(crate) fn wants(&self, tool: &str) -> bool {
        self.tools
            .as_ref()
            .is_none_or(|tools| tools.iter().any(|name| name == tool))
    }

    /// The largest number of nodes that any part needs.
    pub(crate) fn most_nodes(&self) -> usize {
        let many = if self.parts.contains(&Part::Many) {
            self.shells
        } else {
            0
        };
        self.nodes
            .iter()
            .copied()
            .chain([many, 100])
            .max()
            .unwrap_or(100)
    }

    /// The largest number of nodes for all tools.
    pub(crate) fn held(&self) -> usize {
        self.nodes.iter().copied().max().unwrap_or(1)
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("not a number: {text}"))
}
