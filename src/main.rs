//! The program: words in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    dust::io::program::main(std::env::args_os().skip(1))
}
