use std::{
    cell::RefCell,
    ffi::{CString, c_char},
};

use crate::Error;

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// What failed last on this thread, as `kind: message`; empty where nothing did. Good until the next
/// failure on this thread.
pub fn error() -> *const c_char {
    LAST.with(|last| last.borrow().as_ptr())
}

pub(super) fn keep(error: &Error) {
    let mut text = format!("{}: {error}", error.kind());
    if let Some(hint) = error.hint() {
        text = format!("{text} {hint}");
    }
    text.retain(|character| character != '\0');
    LAST.with(|last| *last.borrow_mut() = CString::new(text).unwrap_or_default());
}
