use std::time::Duration;

use super::*;
use crate::Priority;

const VALID: &str = r#"{"id":"seven","inputs":[{"name":"x","shape":[1,2,2],"datatype":"FP32",
    "data":[1,2.5,-3e0,4]},{"name":"k","shape":[1],"datatype":"UINT8","data":[255]}],
    "outputs":[{"name":"l"}],"parameters":{"priority":3,"timeout":1500}}"#;

#[test]
fn a_request_is_read_with_all_that_it_asks_for() {
    let info = two_inputs();
    let parsed = read_json(VALID, &info).unwrap();
    assert_eq!(parsed.terms.id.as_deref(), Some("seven"));
    assert_eq!(parsed.terms.outputs, Some(vec!["l".to_owned()]));
    assert_eq!(parsed.terms.priority, Priority::from_level(3));
    assert_eq!(parsed.terms.timeout, Some(Duration::from_micros(1500)));
    let tensors = tensors(parsed);
    assert_eq!(tensors[0].0, "x");
    assert_eq!(f32s(&tensors[0].1), [1.0, 2.5, -3.0, 4.0]);
    assert_eq!(tensors[0].1.shape(), [1, 2, 2]);
    assert_eq!((tensors[1].0.as_str(), tensors[1].1.dtype()), ("k", DType::U8));
}

#[test]
fn without_outputs_all_are_wanted() {
    let info = one_input(DType::F32);
    for outputs in ["", r#","outputs":[]"#, r#","outputs":null,"parameters":null,"id":null"#] {
        let body = request("FP32", "[1]", "[1]");
        let body = format!("{}{outputs}}}", &body[..body.len() - 1]);
        let parsed = read_json(&body, &info).unwrap();
        assert_eq!(parsed.terms.outputs, None, "{body}");
        assert_eq!(parsed.terms.timeout, None);
    }
}

#[test]
fn members_may_come_in_any_order() {
    let info = one_input(DType::F32);
    let members =
        [r#""data":[[1],[2]]"#, r#""shape":[2]"#, r#""name":"x""#, r#""datatype":"FP32""#];
    let flat = members.map(|member| member.replace("[[1],[2]]", "[1,2]"));
    for turn in 0..4 {
        let mut turned = flat.clone();
        turned.rotate_left(turn);
        let body = format!(r#"{{"inputs":[{{{}}}]}}"#, turned.join(","));
        assert_eq!(f32s(&tensors(read_json(&body, &info).unwrap())[0].1), [1.0, 2.0], "{body}");
    }
    let body = format!(r#"{{"inputs":[{{{}}}]}}"#, members.join(","));
    assert_eq!(refused(&body, &info).input(), Some("x"));
}

#[test]
fn every_truncation_is_refused() {
    let info = two_inputs();
    for end in 0..VALID.len() {
        refused(&VALID[..end], &info);
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    let info = one_input(DType::F32);
    let good = request("FP32", "[1]", "[1]");
    let bodies = [
        String::new(),
        "   ".to_owned(),
        format!("\u{feff}{good}"),
        "[]".to_owned(),
        "null".to_owned(),
        "\"text\"".to_owned(),
        "{}".to_owned(),
        r#"{"inputs":null}"#.to_owned(),
        r#"{"inputs":{}}"#.to_owned(),
        r#"{"inputs":[]}"#.to_owned(),
        r#"{"inputs":[[]]}"#.to_owned(),
        r#"{"inputs":[{}]}"#.to_owned(),
        format!("{good}{good}"),
        format!("{good},"),
        good.replace("\"shape\"", "\"name\""),
        good.replace("{\"inputs\"", "{\"id\":\"a\",\"id\":\"b\",\"inputs\""),
        good.replace("{\"inputs\"", "{\"id\":7,\"inputs\""),
    ];
    for body in bodies {
        refused(&body, &info);
    }
    let target = target(&info);
    let invalid = b"{\"id\":\"\xc3\x28\",\"inputs\":[]}";
    let error = read(invalid, None, &target, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
}

#[test]
fn nesting_is_bounded() {
    let info = one_input(DType::F32);
    let nested = |depth: usize| {
        let extra = format!("\"extra\":{}1{},", "[".repeat(depth), "]".repeat(depth));
        request("FP32", "[1]", "[1]").replacen('{', &format!("{{{extra}"), 1)
    };
    assert!(read_json(&nested(50), &info).is_ok());
    refused(&nested(120), &info);
    refused(&"[".repeat(250_000), &info);
    refused(&"{\"a\":".repeat(250_000), &info);
    refused(&request("FP32", "[1]", &"[".repeat(250_000)), &info);
    refused(&request("FP32", &"[".repeat(250_000), "[1]"), &info);
}

#[test]
fn a_value_that_the_type_has_not_is_refused_with_the_inputs_name() {
    let cases = [
        (DType::F32, "FP32", "NaN"),
        (DType::F32, "FP32", "Infinity"),
        (DType::F32, "FP32", "-Infinity"),
        (DType::F32, "FP32", "1e400"),
        (DType::F64, "FP64", "1e400"),
        (DType::F32, "FP32", "\"1\""),
        (DType::F32, "FP32", "null"),
        (DType::F32, "FP32", "true"),
        (DType::F32, "FP32", "[1]"),
        (DType::F32, "FP32", "{}"),
        (DType::U8, "UINT8", "256"),
        (DType::U8, "UINT8", "-1"),
        (DType::I8, "INT8", "-129"),
        (DType::I32, "INT32", "1.5"),
        (DType::I32, "INT32", "1.0"),
        (DType::I64, "INT64", "9223372036854775808"),
        (DType::I64, "INT64", "1e2"),
        (DType::Bool, "BOOL", "1"),
        (DType::Bool, "BOOL", "\"true\""),
        (DType::F16, "FP16", "1"),
    ];
    for (dtype, datatype, value) in cases {
        let body = request(datatype, "[1]", &format!("[{value}]"));
        assert_eq!(refused(&body, &one_input(dtype)).input(), Some("x"), "{body}");
    }
}

#[test]
fn names_of_inputs_are_held_against_the_model() {
    let info = two_inputs();
    let x = r#"{"name":"x","shape":[1,2,2],"datatype":"FP32","data":[1,2,3,4]}"#;
    let k = r#"{"name":"k","shape":[1],"datatype":"UINT8","data":[1]}"#;
    let cases = [
        (x.to_owned(), "k"),
        (format!("{x},{k},{x}"), "x"),
        (format!("{x},{k},{}", k.replace("\"k\"", "\"z\"")), "z"),
        (format!("{x},{}", k.replace("UINT8", "UINT16")), "k"),
        (format!("{x},{}", k.replace("UINT8", "BF16")), "k"),
        (format!("{x},{}", k.replace("UINT8", "uint8")), "k"),
        (format!("{x},{}", k.replace("UINT8", "BYTES")), "k"),
        (format!("{x},{}", k.replace("\"shape\":[1],", "")), "k"),
        (format!("{x},{}", k.replace(",\"data\":[1]", "")), "k"),
        (format!("{x},{}", k.replace("\"datatype\":\"UINT8\",", "")), "k"),
    ];
    for (inputs, name) in cases {
        let body = format!(r#"{{"inputs":[{inputs}]}}"#);
        assert_eq!(refused(&body, &info).input(), Some(name), "{body}");
    }
    let nameless = format!(r#"{{"inputs":[{}]}}"#, x.replace("\"name\":\"x\",", ""));
    assert!(refused(&nameless, &info).message().contains("name"));
}

#[test]
fn names_of_outputs_are_held_against_the_model() {
    let info = two_inputs();
    for (outputs, name) in [
        (r#"[{"name":"y"},{"name":"y"}]"#, Some("y")),
        (r#"[{"name":"z"}]"#, Some("z")),
        (r#"[{"parameters":{}}]"#, None),
        (r#"["y"]"#, None),
        (r#"{"name":"y"}"#, None),
        (r#"[{"name":"y","parameters":{"classification":2}}]"#, None),
        (r#"[{"name":"y","parameters":{"shared_memory_region":"r"}}]"#, None),
        (r#"[{"name":"y","parameters":{"binary_data":1}}]"#, None),
    ] {
        let body = VALID.replace(r#"[{"name":"l"}]"#, outputs);
        assert_eq!(refused(&body, &info).input(), name, "{body}");
    }
}

#[test]
fn the_number_of_inputs_and_outputs_is_bounded() {
    let info = one_input(DType::F32);
    let body = request("FP32", "[1]", "[1]");
    let input = &body["{\"inputs\":[".len()..body.len() - 2];
    refused(&format!("{{\"inputs\":[{}]}}", vec![input; 10_000].join(",")), &info);
    let outputs = vec![r#"{"name":"y"}"#; 10_000].join(",");
    refused(&body.replacen('{', &format!("{{\"outputs\":[{outputs}],"), 1), &info);
    let members: Vec<String> = (0..10_000).map(|index| format!("\"m{index}\":1")).collect();
    refused(&body.replacen('{', &format!("{{{},", members.join(",")), 1), &info);
}

#[test]
fn what_this_server_has_not_is_refused_and_not_passed_over() {
    let info = one_input(DType::F32);
    for parameters in [
        r#"{"shared_memory_region":"r","shared_memory_byte_size":4}"#,
        r#"{"binary_data_size":-4}"#,
        r#"{"binary_data_size":"4"}"#,
        r#"{"binary_data_size":4}"#,
    ] {
        let body = request("FP32", "[1]", "[1]")
            .replace("\"data\"", &format!("\"parameters\":{parameters},\"data\""));
        refused(&body, &info);
    }
    for parameters in [r#"{"priority":256}"#, r#"{"priority":-1}"#, r#"{"timeout":1.5}"#, "[]"] {
        let body = request("FP32", "[1]", "[1]");
        refused(&body.replacen('{', &format!("{{\"parameters\":{parameters},"), 1), &info);
    }
}

#[test]
fn members_and_parameters_of_other_servers_are_passed_over() {
    let info = one_input(DType::F32);
    let extra = r#""parameters":{"sequence_id":0,"sequence_start":false,"custom":{"a":[null]}},
        "model_name":"m","extra":[true,"\u00e9"],"#;
    let body = request("FP32", "[1]", "[1]").replacen('{', &format!("{{{extra}"), 1);
    assert!(read_json(&body, &info).is_ok());
}
