use std::{
    cell::Cell,
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
};

use sha2::{Digest, Sha256};
use vision_program::{Exit, Fault};

/// What stands before the digits of the sum.
pub(crate) const MARK: &[u8] = b"sha256:";
pub(crate) const DIGITS: usize = 64;

/// How much of the file is read at a time to sum it up. It lies on the stack: the thread that
/// sums up wants no memory.
const BLOCK: usize = 1 << 14;

static GOING: AtomicBool = AtomicBool::new(false);

/// Whether a file is being summed up. Handlers of signals may ask.
pub(crate) fn going() -> bool {
    GOING.load(Ordering::Acquire)
}

/// The comparison of a file's sum in a second thread, which ends the process where it finds another
/// sum, whatever the process is doing.
pub(crate) struct Sum(Cell<Option<JoinHandle<()>>>);

impl Sum {
    /// Begins to sum the file up; `path` stands in faults.
    pub(crate) fn of(path: &Path, file: &Arc<File>) -> Self {
        let work = {
            let (path, file) = (path.to_owned(), Arc::clone(file));
            move || {
                end_with(compare(&path, &file));
                GOING.store(false, Ordering::Release);
            }
        };
        GOING.store(true, Ordering::Release);
        // Elsewhere two threads would move the one place in which a file is read.
        if cfg!(unix)
            && let Ok(thread) = Builder::new().spawn(work.clone())
        {
            return Self(Cell::new(Some(thread)));
        }
        work();
        Self(Cell::new(None))
    }

    /// Comes back once the file is known to be as it was made.
    pub(crate) fn wait(&self) {
        if let Some(Err(_)) = self.0.take().map(JoinHandle::join) {
            end_with(Err(Fault::new(Exit::OurFault, "this program's file was not summed up")));
        }
    }
}

fn end_with(compared: Result<(), Fault>) {
    if let Err(fault) = compared {
        fault.report_as(vision_program::asks_for_json());
        std::process::exit(fault.exit() as i32);
    }
}

/// Compares the sum at the end of a file with that of all that stands before it.
pub(crate) fn compare(path: &Path, file: &File) -> Result<(), Fault> {
    match difference(file) {
        Ok(None) => Ok(()),
        Ok(Some(reason)) => Err(damaged(path, &reason)),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// What is wrong with the sum.
fn difference(file: &File) -> io::Result<Option<String>> {
    let short = || Ok(Some("it carries no model".to_owned()));
    let length = file.metadata()?.len();
    let Some(digits_at) = length.checked_sub(DIGITS as u64) else { return short() };
    let mut sum = Sha256::new();
    let mut block = [0; BLOCK];
    let mut place = 0;
    while place < digits_at {
        let read = usize::try_from(digits_at - place).unwrap_or(BLOCK).min(BLOCK);
        read_at(file, &mut block[..read], place)?;
        sum.update(&block[..read]);
        place += read as u64;
    }
    let mut end = [0; DIGITS + MARK.len()];
    let Some(end_at) = length.checked_sub(end.len() as u64) else { return short() };
    read_at(file, &mut end, end_at)?;
    let (mark, written) = end.split_at(MARK.len());
    if mark != MARK {
        return short();
    }
    let found = format!("{:x}", sum.finalize());
    if found.as_bytes() == written {
        return Ok(None);
    }
    let written = String::from_utf8_lossy(written);
    Ok(Some(format!("its SHA-256 is {found}, and {written} was written at its end")))
}

/// Fills `bytes` from a place in the file.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, bytes: &mut [u8], place: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, place)
}

#[cfg(not(unix))]
pub(crate) fn read_at(mut file: &File, bytes: &mut [u8], place: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};

    file.seek(SeekFrom::Start(place))?;
    file.read_exact(bytes)
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::new(Exit::FileSystem, format!("{} cannot be read: {error}", path.display()))
}

/// A file that is not as it was made.
pub(crate) fn damaged(path: &Path, reason: &str) -> Fault {
    let name = path.file_name().map_or_else(Default::default, |name| name.to_string_lossy());
    Fault::new(Exit::CheckFailed, format!("{name} is damaged: {reason}"))
        .with_hint("Copy it again from where it was made, or make it again.")
}
