use std::time::Duration;

use runner_core::{
    f16,
    ndarray::{ArrayD, IxDyn},
};
use serde_json::Value;

use super::{super::write, *};
use crate::{InferReply, Timing, protocol::ReplyForm};

fn reply(outputs: NamedTensors) -> InferReply {
    let timing = Timing { queue: Duration::ZERO, compute: Duration::ZERO, batch_size: 1 };
    InferReply { outputs, timing }
}

fn array<T>(shape: &[usize], values: Vec<T>) -> ArrayD<T> {
    ArrayD::from_shape_vec(IxDyn(shape), values).unwrap()
}

fn outputs() -> NamedTensors {
    vec![
        ("y".to_owned(), array(&[1, 2], vec![0.1f32, f32::INFINITY]).into()),
        ("l\"".to_owned(), array(&[2], vec![i64::MIN, i64::MAX]).into()),
        ("b".to_owned(), array(&[1], vec![true]).into()),
    ]
}

#[test]
fn a_json_reply_has_flat_data_and_null_for_what_json_has_not() {
    let reply = reply(outputs());
    let encoded = write("m", "3", Some("a\"b"), &reply, &ReplyForm::default()).unwrap();
    assert_eq!((encoded.header_length, encoded.content_type()), (None, "application/json"));
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!((&body["model_name"], &body["model_version"]), (&"m".into(), &"3".into()));
    assert_eq!(body["id"], "a\"b");
    let y = &body["outputs"][0];
    assert_eq!((&y["name"], &y["datatype"]), (&"y".into(), &"FP32".into()));
    assert_eq!(y["shape"], serde_json::json!([1, 2]));
    assert_eq!(y["data"][1], Value::Null);
    assert_eq!(y["parameters"]["non_finite"], true);
    let text = String::from_utf8(encoded.body).unwrap();
    assert!(text.contains("\"data\":[0.1,null]"), "single precision is written as it is: {text}");
    let l = &body["outputs"][1];
    assert_eq!(l["name"], "l\"");
    assert_eq!(l["data"], serde_json::json!([i64::MIN, i64::MAX]));
    assert_eq!(l.get("parameters"), None);
    assert_eq!(body["outputs"][2]["data"], serde_json::json!([true]));
}

#[test]
fn an_id_is_echoed_only_where_there_is_one() {
    let encoded = write("m", "1", None, &reply(outputs()), &ReplyForm::default()).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body.get("id"), None);
}

#[test]
fn binary_outputs_stand_behind_the_json_with_their_exact_bits() {
    let halves = array(&[2], vec![f16::from_f32(1.0), f16::NAN]);
    let mut all = outputs();
    all.push(("h".to_owned(), halves.into()));
    let by_output = vec![("l\"".to_owned(), false)];
    let form = ReplyForm { binary: true, by_output };
    let encoded = write("m", "1", None, &reply(all), &form).unwrap();
    assert_eq!(encoded.content_type(), "application/octet-stream");
    let (json, binary) = encoded.body.split_at(encoded.header_length.unwrap());
    let body: Value = serde_json::from_slice(json).unwrap();
    let size = |index: usize| body["outputs"][index]["parameters"]["binary_data_size"].as_u64();
    assert_eq!([size(0), size(1), size(2), size(3)], [Some(8), None, Some(1), Some(4)]);
    assert_eq!(body["outputs"][0].get("data"), None);
    assert!(body["outputs"][1]["data"].is_array());
    let expected =
        [&0.1f32.to_le_bytes()[..], &f32::INFINITY.to_le_bytes(), &[1], b"\x00\x3c\x00\x7e"];
    assert_eq!(binary, expected.concat());
}

#[test]
fn a_binary_reply_is_read_back_as_the_request_that_it_could_be() {
    let info = one_input(DType::F32);
    let values: Vec<f32> = (0..3000u16).map(|value| f32::from(value) / 7.0).collect();
    let outputs = vec![("x".to_owned(), array(&[3000], values.clone()).into())];
    let form = ReplyForm { binary: true, by_output: vec![] };
    let encoded = write("m", "1", None, &reply(outputs), &form).unwrap();
    let (json, binary) = encoded.body.split_at(encoded.header_length.unwrap());
    let json = String::from_utf8(json.to_vec()).unwrap().replace("\"outputs\"", "\"inputs\"");
    let body = [json.as_bytes(), binary].concat();
    let length = json.len().to_string();
    let parsed = read(&body, Some(&length), &target(&info), &Limits::default()).unwrap();
    assert_eq!(f32s(&tensors(parsed)[0].1), values);
}

#[test]
fn what_is_asked_of_each_output_is_read() {
    let info = two_inputs();
    let body = r#"{"parameters":{"binary_data_output":true},
        "outputs":[{"name":"l","parameters":{"binary_data":false}},{"name":"y"}],
        "inputs":[{"name":"x","shape":[1,2,2],"datatype":"FP32","data":[1,2,3,4]},
        {"name":"k","shape":[1],"datatype":"UINT8","data":[1]}]}"#;
    let form = read_json(body, &info).unwrap().terms.form;
    assert!(form.is_binary("y") && !form.is_binary("l"));
}

#[test]
fn json_numbers_come_back_as_the_same_float() {
    let values = vec![f32::MAX, f32::MIN_POSITIVE, 1e-45, -0.0, 1.0 / 3.0, 16_777_216.0, 1e21];
    let info = one_input(DType::F32);
    let outputs = vec![("x".to_owned(), array(&[values.len()], values.clone()).into())];
    let encoded = write("m", "1", None, &reply(outputs), &ReplyForm::default()).unwrap();
    let body = String::from_utf8(encoded.body).unwrap().replace("\"outputs\"", "\"inputs\"");
    let read = f32s(&tensors(read_json(&body, &info).unwrap())[0].1);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&read), bits(&values));
}
