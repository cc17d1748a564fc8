//! The outputs that a request asks for, held against the model.

use runner_core::DType;

use super::{Result, Target, Terms, json::clip};
use crate::ServerError;

/// Refuses an output that the model has not or that was asked for `before`.
pub(super) fn check_name(name: &str, before: &[String], target: &Target<'_>) -> Result<()> {
    let outputs = &target.info.outputs;
    let message = if before.iter().any(|other| other == name) {
        "the output is asked for twice".to_owned()
    } else if outputs.iter().any(|spec| spec.name == name) {
        return Ok(());
    } else {
        let known: Vec<&str> = outputs.iter().map(|spec| spec.name.as_str()).collect();
        format!("there is no such output; the model has {}", known.join(", "))
    };
    Err(ServerError::bad_input(message).with_input(&clip(name)).with_model(target.name))
}

/// Refuses an FP16 output in JSON, where no form is agreed for it.
pub(super) fn check_forms(terms: &Terms, target: &Target<'_>) -> Result<()> {
    let wanted = |name: &String| terms.outputs.as_ref().is_none_or(|names| names.contains(name));
    let refused = target.info.outputs.iter().find(|spec| {
        spec.dtype == DType::F16 && wanted(&spec.name) && !terms.form.is_binary(&spec.name)
    });
    match refused {
        None => Ok(()),
        Some(spec) => {
            let message = "the output is FP16, which is sent as binary data only: ask for it by \
                           /v2/models/{model}/infer with \"binary_data\": true";
            Err(ServerError::bad_input(message).with_input(&spec.name).with_model(target.name))
        }
    }
}
