use std::thread;
#[cfg(panic = "unwind")]
use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
};

use crate::{LoadError, LoadErrorKind, RunError, RunErrorKind};

/// Calls an engine's loader and turns a panic into [`LoadErrorKind::Panicked`].
///
/// # Errors
/// The loader's own error, or the panic's message.
pub fn guard_load<T>(
    model: &str,
    load: impl FnOnce() -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    quietly(load).unwrap_or_else(|panic| {
        Err(LoadError::new(LoadErrorKind::Panicked, model, panic_text(panic.as_ref())))
    })
}

/// Calls an engine's run and turns a panic into [`RunErrorKind::Panicked`].
///
/// # Errors
/// The run's own error, or the panic's message.
pub fn guard_run<T>(model: &str, run: impl FnOnce() -> Result<T, RunError>) -> Result<T, RunError> {
    quietly(run).unwrap_or_else(|panic| {
        Err(RunError::new(RunErrorKind::Panicked, model, panic_text(panic.as_ref())))
    })
}

#[cfg(panic = "unwind")]
thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Where a panic ends the program, whoever starts it reports the panic.
#[cfg(not(panic = "unwind"))]
fn quietly<T>(work: impl FnOnce() -> T) -> thread::Result<T> {
    Ok(work())
}

/// Catches a panic without the report that Rust prints: the caller gets it as an error.
#[cfg(panic = "unwind")]
fn quietly<T>(work: impl FnOnce() -> T) -> thread::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                report(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    format!("the engine panicked: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error = guard_run::<()>("m", || panic!("lane {} is out", 3)).unwrap_err();
        assert_eq!(error.kind(), RunErrorKind::Panicked);
        assert!(error.to_string().contains("lane 3 is out"));
        let error = guard_load::<()>("m", || panic!("bad")).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Panicked);
    }
}
