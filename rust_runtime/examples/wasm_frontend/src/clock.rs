//! Milliseconds, where `std::time::Instant` is not to be had too.

#[cfg(target_family = "wasm")]
pub(crate) fn now() -> f64 {
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = performance, js_name = now)]
        fn performance_now() -> f64;
    }
    performance_now()
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn now() -> f64 {
    use std::{sync::LazyLock, time::Instant};

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64() * 1e3
}

/// What `work` gives; the time that it took is added to `spent`.
pub(crate) fn timed<T>(spent: &mut f64, work: impl FnOnce() -> T) -> T {
    let start = now();
    let done = work();
    *spent += now() - start;
    done
}
