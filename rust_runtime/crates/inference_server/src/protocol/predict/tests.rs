use std::time::Duration;

use runner_core::{
    DType, ModelInfo, Tensor,
    ndarray::{ArrayD, IxDyn},
};
use serde_json::{Value, json};

use super::{check_pictures, scan, write, write_prediction, write_predictions};
use crate::{
    ErrorKind, InferReply, Limits, ServerError, Timing,
    protocol::{
        Content, Parsed, Target,
        testing::{fixed, model, spec, symbol},
    },
};

fn image() -> ModelInfo {
    let dims = vec![symbol("n"), fixed(1), fixed(2), fixed(2)];
    model(
        vec![spec("x", DType::F32, dims)],
        vec![spec("y", DType::F32, vec![symbol("n")]), spec("h", DType::F16, vec![symbol("n")])],
    )
}

fn two_inputs() -> ModelInfo {
    let inputs = vec![
        spec("a", DType::F32, vec![symbol("n"), fixed(2)]),
        spec("b", DType::I32, vec![symbol("n")]),
    ];
    model(inputs, vec![spec("y", DType::F32, vec![symbol("n")])])
}

fn target<'a>(info: &'a ModelInfo, pictures: Option<&'a str>) -> Target<'a> {
    Target { name: "m", version: "1", info, pictures }
}

fn read<'a>(body: &'a str, target: &Target<'_>) -> Result<Parsed<'a>, ServerError> {
    let limits = Limits::default();
    scan(body.as_bytes(), &limits)?.read(target, &limits)
}

fn input(body: &str) -> Result<Tensor, ServerError> {
    let info = image();
    let body = body.replacen('{', r#"{"outputs":["y"],"#, 1);
    match read(&body, &target(&info, None))?.content {
        Content::Tensors(mut tensors) => Ok(tensors.remove(0).1),
        Content::Pictures(_) => panic!("pictures"),
    }
}

#[test]
fn a_tensor_comes_nested_or_flat() {
    let one = ArrayD::from_shape_vec(IxDyn(&[1, 1, 2, 2]), vec![1f32, 2.0, 3.0, 4.0]).unwrap();
    for body in [
        r#"{"input":[[[[1,2],[3,4]]]]}"#,
        r#"{"input":[1,2,3,4]}"#,
        r#"{"input":[1,2,3,4],"shape":[1,1,2,2]}"#,
        r#"{"shape":[1,1,2,2],"input":[[[[1,2],[3,4]]]],"model":"m"}"#,
    ] {
        assert_eq!(input(body).unwrap(), Tensor::F32(one.clone()), "{body}");
    }
    assert_eq!(input(r#"{"input":[1,2,3,4,5,6,7,8]}"#).unwrap().shape(), [2, 1, 2, 2]);
}

#[test]
fn a_tensor_that_does_not_fit_is_refused() {
    for body in [
        r#"{"input":[1,2,3]}"#,
        r#"{"input":[]}"#,
        r#"{"input":5}"#,
        r#"{"input":null}"#,
        r#"{"input":[[1,2],[3,4]]}"#,
        r#"{"input":[[[[1,2],[3]]]]}"#,
        r#"{"input":[1,2,3,4],"shape":[1,2,2]}"#,
        r#"{"input":[1,2,3,4],"shape":[2,1,2,2]}"#,
        r#"{"input":[1,2,3,4],"shape":[-1,1,2,2]}"#,
        r#"{"input":[1,2,3,4],"shape":[4611686018427387904,1,2,2]}"#,
        r#"{"input":[[1,2],[3,4]],"shape":[1,1,2,2]}"#,
        r#"{"input":[1,2,3,true]}"#,
        r#"{"input":[1,2,3,1e39]}"#,
        r#"{"input":[1,2,3,null]}"#,
        r#"{"input":[1,2,3,"4"]}"#,
        r#"{"input":"1234"}"#,
        r#"{"input":{"data":[1,2,3,4]}}"#,
    ] {
        let error = input(body).expect_err(body);
        assert!(matches!(error.kind(), ErrorKind::BadInput | ErrorKind::TooLarge), "{body}");
    }
}

#[test]
fn what_is_no_form_is_refused() {
    let nested = format!(r#"{{"input":{}}}"#, "[".repeat(250_000));
    let deep = format!(r#"{{"input":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    for body in [
        "",
        "[]",
        "{}",
        "{",
        r#"{"input":[1]"#,
        r#"{"input":[1],"input":[1]}"#,
        r#"{"input":[1],"image":"YQ=="}"#,
        r#"{"inputs":{},"instances":[]}"#,
        r#"{"imput":[1]}"#,
        r#"{"input":[1],"extra":1}"#,
        r#"{"input":[1],"model":3}"#,
        r#"{"inputs":{"x":[1]},"shape":[1]}"#,
        r#"{"image":"YQ==","shape":[1]}"#,
        r#"{"input":[NaN]}"#,
        r#"{"input":[1],"priority":1000}"#,
        r#"{"inputs":[1]}"#,
        r#"{"inputs":{"a":{"data":[1],"datatype":"FP32"}}}"#,
        r#"{"inputs":{"a":{"shape":[1]}}}"#,
        "\u{feff}{\"input\":[1]}",
        &nested,
        &deep,
    ] {
        let error = scan(body.as_bytes(), &Limits::default()).expect_err(body);
        assert_eq!(error.kind(), ErrorKind::BadInput, "{body}: {error}");
    }
}

#[test]
fn several_inputs_come_by_name() {
    let info = two_inputs();
    let target = target(&info, None);
    for body in [
        r#"{"inputs":{"a":[[1,2],[3,4]],"b":[5,6]}}"#,
        r#"{"inputs":{"b":[5,6],"a":[1,2,3,4]}}"#,
        r#"{"inputs":{"a":{"data":[1,2,3,4],"shape":[2,2]},"b":{"data":[5,6]}},"id":"i"}"#,
    ] {
        let Content::Tensors(tensors) = read(body, &target).unwrap().content else { panic!() };
        let a = &tensors.iter().find(|(name, _)| name == "a").unwrap().1;
        assert_eq!((tensors.len(), a.shape()), (2, &[2, 2][..]), "{body}");
    }
    for (body, input) in [
        (r#"{"inputs":{"a":[[1,2]]}}"#, Some("b")),
        (r#"{"inputs":{"a":[[1,2]],"b":[1],"c":[1]}}"#, Some("c")),
        (r#"{"inputs":{"a":[[1,2]],"b":[1.5]}}"#, Some("b")),
        (r#"{"inputs":{"a":[[1,2]],"b":[1,2]}}"#, Some("b")),
        (r#"{"input":[1]}"#, None),
    ] {
        assert_eq!(read(body, &target).expect_err(body).input(), input, "{body}");
    }
    let many: Vec<String> = (0..10_000).map(|index| format!("\"i{index}\":[1]")).collect();
    let many = format!("{{\"inputs\":{{{}}}}}", many.join(","));
    assert!(scan(many.as_bytes(), &Limits::default()).is_err());
}

#[test]
fn pictures_come_in_base64() {
    let info = image();
    let target = target(&info, Some("x"));
    for (body, count, list) in [
        (r#"{"image":"YWJj"}"#, 1, false),
        (r#"{"image":"data:image/png;base64,YWJj","model":"m"}"#, 1, false),
        (r#"{"instances":[{"b64":"YWJj"}]}"#, 1, true),
        (r#"{"instances":[{"b64":"YWJj"},{"b64":"YWJj"}]}"#, 2, true),
    ] {
        let form = scan(body.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(form.wants_list(), list, "{body}");
        let parsed = form.read(&target, &Limits::default()).unwrap();
        let Content::Pictures(pictures) = parsed.content else { panic!() };
        assert_eq!(pictures, vec![&b"abc"[..]; count], "{body}");
    }
    for body in [
        r#"{"image":""}"#,
        r#"{"image":"@@"}"#,
        r#"{"image":["YQ=="]}"#,
        r#"{"instances":[]}"#,
        r#"{"image":"http://host/x.png"}"#,
        r#"{"instances":{"b64":"YQ=="}}"#,
        r#"{"instances":[{"b64":"YQ==","b64":"YQ=="}]}"#,
        r#"{"instances":[{"url":"file:///x"}]}"#,
        r#"{"instances":[{}]}"#,
        r#"{"instances":["YQ=="]}"#,
    ] {
        assert_eq!(read(body, &target).expect_err(body).kind(), ErrorKind::BadInput, "{body}");
    }
    let many = format!("{{\"instances\":[{}]}}", vec![r#"{"b64":"YQ=="}"#; 100].join(","));
    assert_eq!(read(&many, &target).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn a_model_without_a_contract_takes_no_pictures() {
    let info = image();
    let error = read(r#"{"image":"YWJj"}"#, &target(&info, None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
    let limits = Limits::default();
    let target = target(&info, Some("x"));
    let kind = |count| check_pictures(&target, count, &limits).err().map(|error| error.kind());
    assert_eq!(kind(0), Some(ErrorKind::BadInput));
    assert_eq!(kind(64), None);
    assert_eq!(kind(65), Some(ErrorKind::TooLarge));
}

#[test]
fn outputs_are_chosen_by_name() {
    let info = image();
    let target = target(&info, None);
    let body = |outputs: &str| format!(r#"{{"input":[1,2,3,4],"outputs":{outputs}}}"#);
    let names = read(&body(r#"["y"]"#), &target).unwrap().terms.outputs;
    assert_eq!(names, Some(vec!["y".to_owned()]));
    for (outputs, input) in [
        (r#"["z"]"#, Some("z")),
        (r#"["y","y"]"#, Some("y")),
        (r#"["h"]"#, Some("h")),
        ("[]", Some("h")),
        ("[1]", None),
        (r#""y""#, None),
    ] {
        assert_eq!(read(&body(outputs), &target).expect_err(outputs).input(), input, "{outputs}");
    }
}

#[test]
fn a_form_tells_its_model_and_how_long_it_waits() {
    let body = r#"{"timeout_ms":250,"model":"other","input":[1,2,3,4],"outputs":["y"]}"#;
    let form = scan(body.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(form.model(), Some("other"));
    let info = image();
    let parsed = form.read(&target(&info, None), &Limits::default()).unwrap();
    assert_eq!(parsed.terms.timeout, Some(Duration::from_millis(250)));
}

#[test]
fn replies_have_the_documented_members() {
    let timing = Timing { queue: Duration::ZERO, compute: Duration::ZERO, batch_size: 1 };
    let y = Tensor::from(ArrayD::from_shape_vec(IxDyn(&[1, 2]), vec![0.5f32, f32::NAN]).unwrap());
    let latency = Duration::from_micros(1234);
    let mut reply = InferReply { outputs: vec![("y".to_owned(), y.clone())], timing };
    let document = |body: Vec<u8>| serde_json::from_slice::<Value>(&body).unwrap();
    let expected = json!({
        "output": [0.5, null], "shape": [1, 2], "non_finite": true, "model": "m", "latency_ms": 1.234
    });
    assert_eq!(document(write("m", &reply, latency).unwrap().body), expected);

    reply.outputs.push(("z".to_owned(), y));
    let several = document(write("m", &reply, latency).unwrap().body);
    assert_eq!(several["outputs"]["z"]["shape"], json!([1, 2]));
    assert_eq!(several["model"], "m");

    let one = document(write_prediction("m", &json!({"kind": "raw"}), latency).unwrap().body);
    let expected = json!({"prediction": {"kind": "raw"}, "model": "m", "latency_ms": 1.234});
    assert_eq!(one, expected);
    let list = document(write_predictions("m", &[1, 2], latency).unwrap().body);
    assert_eq!(list["predictions"], json!([1, 2]));
}
