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
