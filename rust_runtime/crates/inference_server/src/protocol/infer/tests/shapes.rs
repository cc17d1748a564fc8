use super::*;

#[test]
fn shapes_that_no_tensor_has_are_refused() {
    let info = one_input(DType::F32);
    let rank_64 = format!("[{}]", vec!["1"; 64].join(","));
    let shapes = [
        "[16, 1152921504606846978]",
        "[1152921504606846978, 16]",
        "[18446744073709551615]",
        "[18446744073709551616]",
        "[-1]",
        "[0]",
        "[]",
        "[1.0]",
        "[1,1]",
        "[null]",
        "1",
        "\"[1]\"",
        &rank_64,
    ];
    for shape in shapes {
        let error = read_json(&request("FP32", shape, "[1]"), &info).expect_err(shape);
        let expected = [ErrorKind::BadInput, ErrorKind::TooLarge];
        assert!(expected.contains(&error.kind()), "{shape}: {error}");
        assert_eq!(error.input(), Some("x"), "{shape}");
    }
}

#[test]
fn products_are_checked_where_every_axis_is_free() {
    let dims = vec![symbol("a"), symbol("b")];
    let info = model(vec![spec("x", DType::F32, dims)], vec![]);
    refused(&request("FP32", "[16, 1152921504606846978]", "[1]"), &info);
}

#[test]
fn an_element_count_unlike_the_shape_tells_both() {
    let info = one_input(DType::F32);
    let error = refused(&request("FP32", "[3]", "[1,2]"), &info);
    assert!(error.message().contains("expected 3") && error.message().contains("got 2"), "{error}");
    let error = refused(&request("FP32", "[3]", "[1,2,3,4]"), &info);
    assert!(error.message().contains("expected 3"), "{error}");
}

#[test]
fn a_wrong_axis_tells_what_was_expected_and_got() {
    let info = two_inputs();
    let body =
        r#"{"inputs":[{"name":"x","shape":[1,2,3],"datatype":"FP32","data":[1,2,3,4,5,6]}]}"#;
    let text = refused(body, &info).to_string();
    assert!(text.contains("[n, 2, 2]") && text.contains("[1, 2, 3]"), "{text}");
}

#[test]
fn inputs_must_agree_on_the_axes_that_they_share() {
    let info = two_inputs();
    let body = r#"{"inputs":[{"name":"k","shape":[2],"datatype":"UINT8","data":[1,2]},
        {"name":"x","shape":[1,2,2],"datatype":"FP32","data":[1,2,3,4]}]}"#;
    assert_eq!(refused(body, &info).input(), Some("x"));
}

#[test]
fn a_tensor_that_is_too_large_is_refused_before_its_data_is_looked_at() {
    let dims = vec![fixed(1), fixed(3), symbol("h"), symbol("w")];
    let info = model(vec![spec("x", DType::F32, dims)], vec![]);
    let body = request("FP32", "[1,3,100000,100000]", "[[[[not even JSON");
    let error = read_json(&body, &info).unwrap_err();
    assert_eq!((error.kind(), error.input()), (ErrorKind::TooLarge, Some("x")));
}

#[test]
fn nested_and_flat_data_are_alike() {
    let info = two_inputs();
    let body = |data: &str| {
        format!(
            r#"{{"inputs":[{{"name":"x","shape":[2,2,2],"datatype":"FP32","data":{data}}},
            {{"name":"k","shape":[2],"datatype":"UINT8","data":[0,1]}}]}}"#
        )
    };
    for data in ["[1,2,3,4,5,6,7,8]", "[[[1,2],[3,4]],[[5,6],[7,8]]]"] {
        let body = body(data);
        let read = tensors(read_json(&body, &info).unwrap());
        assert_eq!(f32s(&read[0].1), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    }
    for data in ["[[1,2,3,4],[5,6,7,8]]", "[[[1,2],[3,4]],[[5,6],[7]]]", "[[[1,2],[3,4]]]"] {
        assert_eq!(refused(&body(data), &info).input(), Some("x"));
    }
}

#[test]
fn a_scalar_is_read_where_the_model_has_one() {
    let info = model(vec![spec("x", DType::F32, vec![])], vec![]);
    for data in ["[2]", "2"] {
        let body = request("FP32", "[]", data);
        assert_eq!(f32s(&tensors(read_json(&body, &info).unwrap())[0].1), [2.0]);
    }
    refused(&request("FP32", "[1]", "[2]"), &info);
}
