//! What is written on standard output and standard error. Either may be closed or full, which never
//! ends the program by itself.

use std::{
    fmt::Display,
    io::{ErrorKind, Write, stderr, stdout},
};

use crate::{Exit, Fault};

/// Writes text and the end of its line on standard output, at once. Gives whether somebody reads
/// it: a reader that has left, as `head` does, is no fault.
///
/// # Errors
/// A fault that ends with 5 where it cannot be written.
pub fn print(text: &str) -> Result<bool, Fault> {
    let mut stdout = stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => {
            let message = format!("standard output cannot be written: {error}");
            Err(Fault::new(Exit::FileSystem, message))
        }
    }
}

/// Writes a line on standard error, if that can be written.
pub(crate) fn say(line: impl Display) {
    let text = format!("{line}\n");
    // Nothing is left to tell when even this cannot be written.
    drop(stderr().lock().write_all(text.as_bytes()));
}
