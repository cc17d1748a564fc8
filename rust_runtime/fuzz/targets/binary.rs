//! The data is a tensor's bytes, behind a JSON header that describes them rightly or nearly so.
//! What is read is written again as the same bytes.
#![no_main]

#[path = "../../crates/inference_server/tests/support/judge.rs"]
mod judge;

use std::time::Duration;

use inference_server::{
    InferReply, Timing,
    protocol::{Content, Datatype, ReplyForm, infer},
};
use libfuzzer_sys::fuzz_target;
use runner_core::{Dim, ModelInfo, TensorSpec};

/// A model with one input of this type and any length.
fn model(datatype: Datatype) -> Option<ModelInfo> {
    let dims = vec![Dim::Symbol("n".to_owned())];
    let dtype = datatype.dtype()?;
    Some(judge::model(vec![TensorSpec { name: "x".to_owned(), dtype, dims }]))
}

fuzz_target!(|data: &[u8]| {
    let limits = judge::limits();
    let Some((&[choice, count, off], bytes)) = data.split_first_chunk::<3>() else { return };
    let datatype = Datatype::ALL[usize::from(choice) % Datatype::ALL.len()];
    let info = model(datatype).unwrap_or_else(|| judge::models().remove(0));
    let size = bytes.len().saturating_add_signed(isize::from(off.cast_signed()));
    let count = datatype.dtype().map_or(usize::from(count), |dtype| size / dtype.size());
    let json = format!(
        r#"{{"inputs":[{{"name":"x","shape":[{count}],"datatype":"{datatype}","parameters":{{
        "binary_data_size":{size}}}}}],"parameters":{{"binary_data_output":true}}}}"#
    );
    let body = [json.as_bytes(), bytes].concat();
    let target = judge::target(&info, true);
    let read = infer::read(&body, Some(&json.len().to_string()), &target, &limits);
    if let Ok(Content::Tensors(outputs)) = read.as_ref().map(|parsed| &parsed.content) {
        let timing = Timing { queue: Duration::ZERO, compute: Duration::ZERO, batch_size: 1 };
        let reply = InferReply { outputs: outputs.clone(), timing };
        let form = ReplyForm { binary: true, by_output: Vec::new() };
        let encoded = infer::write("m", "1", None, &reply, &form).expect("binary can be written");
        assert_eq!(&encoded.body[encoded.header_length.expect("binary")..], bytes);
    }
    judge::check(read, &info, &limits);
});
