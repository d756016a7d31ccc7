//! Errors for people: what failed, where, and what to do about it; and dust's exit codes.

use std::fmt;

/// What kind of failure it was; each kind has one exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line, a prompt line, a cluster file or a target is wrong.
    Usage,
    /// A node could not be reached, or its connection was lost.
    Unreachable,
    /// A command did not end in time.
    TimedOut,
    /// Ctrl-C.
    Interrupted,
    /// Anything else that the system or a provider refused.
    Failed,
}

impl Kind {
    /// The exit status of a one-shot run that ends with this kind of error.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Unreachable => 255,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
            Self::Failed => 1,
        }
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the person named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A failure, with what a person needs to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    message: String,
    place: Option<Place>,
    hint: Option<String>,
}

/// The result of what can fail in dust.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of some kind. `message` says what failed, without a final full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            place: None,
            hint: None,
        }
    }

    /// A usage error (exit status 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Any other failure (exit status 1).
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// The same, at a line of a file.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: usize) -> Self {
        self.place = Some(Place {
            file: file.into(),
            line,
        });
        self
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with more to do about it.
    #[must_use]
    pub fn also_hint(mut self, more: &str) -> Self {
        self.hint = Some(match self.hint {
            Some(hint) => format!("{hint}; {more}"),
            None => more.to_owned(),
        });
        self
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it is, if it is in a file.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }
}

/// `FILE:LINE: what is wrong (hint)`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
