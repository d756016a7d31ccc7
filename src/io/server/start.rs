//! How a server begins: its first client tells it what to be, over its standard input.

use super::clients::Clients;
use crate::command::cli::{self, Input, Invocation};
use crate::error::{Error, Result};
use crate::io::begin::{self, Environment, Look};
use crate::io::front::Front;
use crate::io::{clock, program, runtime_dir, sys};
use crate::wire::{Frames, ToClient, ToServer};
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The first client may take so long to say what it wants.
const FIRST_WORDS: Duration = Duration::from_secs(30);

/// Serves the session of this name until it ends; dust's exit status.
pub(in crate::io) fn main(name: &str) -> Result<u8> {
    // The terminal's signals are for those who look at it.
    let _ = nix::unistd::setsid();
    runtime_dir::close_others();
    let failed = |error: io::Error| Error::failed(format!("the client that began: {error}"));
    let first = UnixStream::from(sys::take_stdin().map_err(failed)?);
    let mut frames = Frames::new();
    let words = hear(&first, &mut frames, name).map_err(failed)?;
    match serve(name, words, &first, frames) {
        Ok(code) => Ok(code),
        Err(error) => {
            let mut bytes = Vec::new();
            let status = error.kind().exit_code();
            ToClient::Refused(status, error.to_string()).encode(&mut bytes);
            (&first).write_all(&bytes).map_err(failed)?;
            // The client says it.
            Ok(status)
        },
    }
}

/// Greets the first client, and hears the words of its command line.
fn hear(first: &UnixStream, frames: &mut Frames, name: &str) -> io::Result<Vec<OsString>> {
    first.set_read_timeout(Some(FIRST_WORDS))?;
    let mut stream = first;
    stream.write_all(&begin::hello().encode())?;
    let mut greeted = false;
    loop {
        if !greeted {
            let hello = frames.hello().map_err(io::Error::other)?;
            greeted = hello.is_some();
        }
        if greeted && let Some((kind, body)) = frames.next_frame().map_err(io::Error::other)? {
            let message = ToServer::decode(kind, body).map_err(io::Error::other)?;
            return match message {
                ToServer::Start { name: told, words } if told == name => {
                    Ok(words.into_iter().map(OsString::from_vec).collect())
                },
                _ => Err(io::Error::other("it does not say how to begin")),
            };
        }
        match stream.read(frames.room())? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => frames.filled(count),
        }
    }
}

fn serve(name: &str, words: Vec<OsString>, first: &UnixStream, frames: Frames) -> Result<u8> {
    let Invocation::Run {
        options,
        demo,
        input: Input::Prompt,
    } = cli::parse(words)?
    else {
        return Err(Error::failed("a session begins with a prompt"));
    };
    let failed = |error: io::Error| Error::failed(format!("the server of the session: {error}"));
    let stream = first.try_clone().map_err(failed)?;
    let folder = runtime_dir::for_start()?;
    let (place, file) = program::place_of(demo, &options)?;
    let listener = folder.bind(name)?;
    let now = clock::now();
    // Connections need most of the files that may be open.
    let channels = sys::raise_open_files() / 4;
    let unix_time = clock::unix_time();
    let clients = Clients::new(name, begin::hello(), listener, channels, now, unix_time);
    let look = Look {
        terminal: true,
        person: true,
        session: true,
        size: None,
    };
    let environment = Environment::default();
    let (app, mut world) = begin::prepare(&options, Input::Prompt, look, &environment, None)?;
    world.place = place.clone();
    world.front = Some(Front::Served(Box::new(clients)));
    world.first = Some((stream, frames));
    let code = super::super::run::run(app, file.as_deref(), world);
    place.end();
    code
}
