//! What this process asks of the system about its memory.

#[cfg(target_os = "linux")]
mod huge_pages;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// Memory is not gathered more often than this, on the threads for that.
const PAUSE: Duration = Duration::from_secs(1);

static WAITING: AtomicBool = AtomicBool::new(false);

/// Makes huge pages of what is in memory, where the system does that: engines read their weights and
/// buffers from one end to the other in every run, and every small page costs them time.
pub(crate) fn gather() {
    #[cfg(target_os = "linux")]
    huge_pages::gather();
}

/// [`gather`], a little later, on a thread of its own; one that waits already is as good.
pub(crate) fn gather_later() {
    if WAITING.swap(true, Ordering::Relaxed) {
        return;
    }
    let later = || {
        thread::sleep(PAUSE);
        WAITING.store(false, Ordering::Relaxed);
        gather();
    };
    if thread::Builder::new().name("huge-pages".into()).spawn(later).is_err() {
        WAITING.store(false, Ordering::Relaxed);
    }
}

/// Gives the system back what the allocator holds free. It keeps, thread by thread, what a model
/// that has gone took, so that without this a server grows with every thread that loads.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: the C library's own, fit to be called by any thread at any time.
        unsafe { malloc_trim(0) };
    }
}
