//! What this process asks of the system about its memory.

#[cfg(target_os = "linux")]
mod huge_pages;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

static GATHERING: AtomicBool = AtomicBool::new(false);

/// Makes huge pages of what is in memory, where the system does that: engines read their weights and
/// buffers from one end to the other in every run, and every small page costs them time.
pub(crate) fn gather() {
    #[cfg(target_os = "linux")]
    huge_pages::gather();
}

/// [`gather`] on a thread of its own, unless one is at it.
pub(crate) fn gather_beside() {
    if GATHERING.swap(true, Ordering::Relaxed) {
        return;
    }
    let gathered = || {
        gather();
        GATHERING.store(false, Ordering::Relaxed);
    };
    if thread::Builder::new().name("huge-pages".into()).spawn(gathered).is_err() {
        GATHERING.store(false, Ordering::Relaxed);
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
