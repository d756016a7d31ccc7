//! The program: words in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "local")]
    {
        let mut words = std::env::args_os().skip(1);
        if words.next().is_some_and(|word| word == "__node") {
            return dust::io::local::node_main(words);
        }
    }
    ExitCode::SUCCESS
}
