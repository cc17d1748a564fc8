#[cfg(unix)]
use crate::sum;

/// How many milliseconds a fault waits at most for the sum of the file.
#[cfg(unix)]
const MOST_WAITS: usize = 10_000;

/// What is said where the process ends by itself.
const TEXT: &str = "error: the program came to a fault of its own, or no memory was left
hint: Try a smaller input; if that does not help, please report it with the files that it was given.
";

/// Makes a fault that ends the process at once say so, and end it with the code of our own faults.
///
/// The small programs are built without the texts and the unwinding of panics, so that nothing
/// catches one.
#[cfg(unix)]
#[allow(unsafe_code, reason = "the standard library handles no signals")]
pub(crate) fn tell() {
    for signal in [libc::SIGILL, libc::SIGTRAP, libc::SIGABRT] {
        let handler = told as extern "C" fn(libc::c_int);
        // SAFETY: the handler calls nothing but poll, write and _exit, which any handler may.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

#[cfg(not(unix))]
pub(crate) fn tell() {}

/// Makes a file that grows beyond what the user may write an error of that file, and not the end of
/// the process, which would leave it half-written.
#[cfg(unix)]
#[allow(unsafe_code, reason = "the standard library handles no signals")]
pub(crate) fn refuse_large_files() {
    // SAFETY: there is no handler that could be called.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

#[cfg(not(unix))]
pub(crate) fn refuse_large_files() {}

#[cfg(unix)]
#[allow(unsafe_code, reason = "the standard library handles no signals")]
extern "C" fn told(_signal: libc::c_int) {
    // A damaged file may be why: what sums it up says so, and ends the process.
    for _ in 0..MOST_WAITS {
        if !sum::going() {
            break;
        }
        // SAFETY: it waits for no files, and may be called at any moment.
        unsafe { libc::poll(std::ptr::null_mut(), 0, 1) };
    }
    // SAFETY: the text is as long as it says, and both may be called at any moment.
    unsafe {
        libc::write(libc::STDERR_FILENO, TEXT.as_ptr().cast(), TEXT.len());
        libc::_exit(vision_program::Exit::OurFault as libc::c_int);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    const VARIABLE: &str = "OXIDIZEDVISION_TEST_ABORTS";

    /// Runs itself again, in a process that may end.
    #[test]
    fn a_process_that_ends_by_itself_says_so_and_with_which_code() {
        if std::env::var_os(VARIABLE).is_some() {
            super::tell();
            std::process::abort();
        }
        let name = std::thread::current().name().unwrap().to_owned();
        let done = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name, "--nocapture"])
            .env(VARIABLE, "1")
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&done.stderr).contains("a fault of its own"));
    }
}
