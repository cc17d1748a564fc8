//! Workers of the page as the threads of the engine.
//!
//! The page starts the workers, each with this module and its memory, and lets each call
//! `startThread`; the worker that has the model then calls `buildThreadPool` and is one of the
//! threads itself: it would be waked at the end of every operation otherwise.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use super::error::error;

static WAITING: Mutex<VecDeque<ThreadBuilder>> = Mutex::new(VecDeque::new());
static ADDED: Condvar = Condvar::new();

fn waiting() -> MutexGuard<'static, VecDeque<ThreadBuilder>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes this worker a thread of the pool, whether that is built yet or not; it comes back only
/// when the worker ends.
#[wasm_bindgen(js_name = startThread)]
pub fn start_thread() {
    let none = |waiting: &mut VecDeque<ThreadBuilder>| waiting.is_empty();
    let mut found = ADDED.wait_while(waiting(), none).unwrap_or_else(PoisonError::into_inner);
    let thread = found.pop_front();
    drop(found);
    if let Some(thread) = thread {
        thread.run();
    }
}

/// Builds the pool of every model in this module, once and before the first model is loaded, of this
/// worker and `threads - 1` that have called `startThread` or will.
///
/// # Errors
/// A `ModuleError`.
#[wasm_bindgen(js_name = buildThreadPool)]
pub fn build_thread_pool(threads: usize) -> Result<(), JsValue> {
    let add = |thread| {
        waiting().push_back(thread);
        ADDED.notify_one();
        Ok(())
    };
    let pool = ThreadPoolBuilder::new().num_threads(threads).use_current_thread();
    pool.spawn_handler(add).build_global().map_err(|reason| {
        let message = format!("{threads} threads cannot be started: {reason}");
        error("engine_failed", &message, "Build the pool once, before the first model.")
    })
}
