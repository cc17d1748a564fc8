use js_sys::Error;
use wasm_bindgen::JsValue;

use super::object::set;
use crate::Fault;

/// The fault as JavaScript throws it.
pub(super) fn thrown(fault: Fault) -> JsValue {
    error(fault.kind(), fault.message(), fault.hint())
}

/// Leaves the module for good with a panic's message: its memory is as the panic left it.
pub(super) fn throw_panic(report: &str) {
    let hint = "Load the model again in a new instance of the module, and report it.";
    wasm_bindgen::throw_val(error("panicked", &format!("the engine panicked: {report}"), hint));
}

pub(super) fn error(kind: &str, message: &str, hint: &str) -> JsValue {
    let error = Error::new(message);
    error.set_name("OxidizedVisionError");
    set(&error, "kind", &kind.into());
    set(&error, "hint", &hint.into());
    error.into()
}
