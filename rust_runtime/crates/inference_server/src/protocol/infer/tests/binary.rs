use super::*;

const X: &str =
    r#"{"name":"x","shape":[1,2,2],"datatype":"FP32","parameters":{"binary_data_size":16}}"#;
const K: &str =
    r#"{"name":"k","shape":[1],"datatype":"UINT8","parameters":{"binary_data_size":1}}"#;
const VALUES: [f32; 4] = [1.0, -0.0, f32::NAN, f32::MIN_POSITIVE];

fn bytes() -> Vec<u8> {
    VALUES.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A body of this JSON and this binary data, with the length of the JSON.
fn body(json: &str, binary: &[u8]) -> (Vec<u8>, String) {
    ([json.as_bytes(), binary].concat(), json.len().to_string())
}

fn inputs(list: &str) -> String {
    format!(r#"{{"inputs":[{list}]}}"#)
}

#[test]
fn binary_inputs_are_taken_in_order_with_their_exact_bits() {
    let info = two_inputs();
    for order in [[X, K], [K, X]] {
        let binary = if order[0] == X { [&bytes()[..], &[7]] } else { [&[7][..], &bytes()] };
        let (body, length) = body(&inputs(&order.join(",")), &binary.concat());
        let parsed = read(&body, Some(&length), &target(&info), &Limits::default()).unwrap();
        let tensors = tensors(parsed);
        let x = &tensors.iter().find(|(name, _)| name == "x").unwrap().1;
        let bits: Vec<u32> = f32s(x).iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits, VALUES.map(f32::to_bits));
    }
}

#[test]
fn json_and_binary_inputs_may_mix() {
    let info = two_inputs();
    let k = r#"{"name":"k","shape":[1],"datatype":"UINT8","data":[9]}"#;
    for list in [[X, k], [k, X]] {
        let (body, length) = body(&inputs(&list.join(",")), &bytes());
        assert!(read(&body, Some(&length), &target(&info), &Limits::default()).is_ok());
    }
}

#[test]
fn half_precision_comes_as_binary_data() {
    let info = one_input(DType::F16);
    let json =
        inputs(r#"{"name":"x","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4}}"#);
    let json = json.replacen('{', r#"{"parameters":{"binary_data_output":true},"#, 1);
    let (body, length) = body(&json, b"\x00\x3c\x00\xc0");
    let parsed = read(&body, Some(&length), &target(&info), &Limits::default()).unwrap();
    let Tensor::F16(array) = &tensors(parsed)[0].1 else { panic!() };
    assert_eq!(array.iter().map(|value| value.to_f32()).collect::<Vec<_>>(), [1.0, -2.0]);
}

#[test]
fn half_precision_in_a_json_reply_is_refused_before_it_is_computed() {
    let info = one_input(DType::F16);
    let json =
        inputs(r#"{"name":"x","shape":[1],"datatype":"FP16","parameters":{"binary_data_size":2}}"#);
    let (body, length) = body(&json, b"\x00\x3c");
    let error = read(&body, Some(&length), &target(&info), &Limits::default()).unwrap_err();
    assert_eq!((error.kind(), error.input()), (ErrorKind::BadInput, Some("y")));
}

#[test]
fn sizes_that_do_not_add_up_are_refused() {
    let info = two_inputs();
    let all = [&bytes()[..], &[7]].concat();
    let both = inputs(&format!("{X},{K}"));
    let cases = [
        (both.clone(), &all[..16]),
        (both.clone(), &all[..3]),
        (both.clone(), &[]),
        (both.replace(":16}", ":12}"), &all[..13]),
        (both.replace(":16}", ":17}"), &all),
        (both.replace(":16}", ":0}"), &all[..1]),
        (both.replace(":16}", ":18446744073709551615}"), &all),
        (both.replace(":16}", ":18446744073709551616}"), &all),
        (both.replace(":16}", ":-16}"), &all),
        (both.replace(":16}", ":16.0}"), &all),
        (both.replace(":16}", ":16},\"data\":[1,2,3,4]"), &all),
    ];
    for (json, binary) in cases {
        let (body, length) = body(&json, binary);
        let error = read(&body, Some(&length), &target(&info), &Limits::default());
        assert_eq!(error.expect_err(&json).kind(), ErrorKind::BadInput, "{json}");
    }
    let (body, length) = body(&both, &[&all[..], &[0]].concat());
    let error = read(&body, Some(&length), &target(&info), &Limits::default()).unwrap_err();
    assert!(error.message().contains("1 bytes"), "{error}");
}

#[test]
fn a_header_that_is_no_length_within_the_body_is_refused() {
    let info = two_inputs();
    let json = inputs(&format!("{X},{K}"));
    let (body, length) = body(&json, &[&bytes()[..], &[7]].concat());
    let shorter = (json.len() - 1).to_string();
    let longer = (json.len() + 1).to_string();
    let beyond = (body.len() + 1).to_string();
    let texts = ["-1", "one", "", "1.5", &shorter, &longer, &beyond, "99999999999999999999"];
    for text in texts {
        let error = read(&body, Some(text), &target(&info), &Limits::default()).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::BadInput, "{text}: {error}");
    }
    assert!(read(&body, None, &target(&info), &Limits::default()).is_err(), "no header");
    assert!(read(&body, Some(&length), &target(&info), &Limits::default()).is_ok());
}

#[test]
fn a_header_of_zero_is_the_bytes_of_the_only_input() {
    let info = one_input(DType::F32);
    let body = bytes();
    let parsed = read(&body, Some("0"), &target(&info), &Limits::default()).unwrap();
    assert!(parsed.terms.form.is_binary("y"), "the reply is binary as the request is");
    let tensors = tensors(parsed);
    assert_eq!((tensors[0].0.as_str(), tensors[0].1.shape()), ("x", &[4][..]));

    for body in [&bytes()[..15], b""] {
        let error = read(body, Some("0"), &target(&info), &Limits::default()).unwrap_err();
        assert_eq!((error.kind(), error.input()), (ErrorKind::BadInput, Some("x")));
    }
    let two = two_inputs();
    let error = read(&bytes(), Some("0"), &target(&two), &Limits::default()).unwrap_err();
    assert!(error.message().contains("the model has 2"), "{error}");
}

#[test]
fn encoded_pictures_come_as_bytes() {
    let info = one_input(DType::F32);
    let binary = b"\x03\x00\x00\x00abc\x01\x00\x00\x00d";
    let json = |shape: &str, size: usize| {
        inputs(&format!(
            r#"{{"name":"x","shape":{shape},"datatype":"BYTES","parameters":{{"binary_data_size":{size}}}}}"#
        ))
    };
    for shape in ["[2]", "[2,1]", "[1,2]"] {
        let (body, length) = body(&json(shape, binary.len()), binary);
        let limits = Limits::default();
        let parsed = read(&body, Some(&length), &with_pictures(&info), &limits).unwrap();
        let Content::Pictures(pictures) = parsed.content else { panic!() };
        assert_eq!(pictures, [&b"abc"[..], b"d"]);
        let error = read(&body, Some(&length), &target(&info), &limits).unwrap_err();
        assert!(error.message().contains("BYTES"), "{error}");
    }
    let cases: [(&str, &[u8]); 4] = [
        ("[1]", binary),
        ("[3]", binary),
        ("[1]", b"\xff\xff\xff\xffabc"),
        ("[1]", b"\x04\x00\x00\x00abc"),
    ];
    for (shape, binary) in cases {
        let (body, length) = body(&json(shape, binary.len()), binary);
        let error =
            read(&body, Some(&length), &with_pictures(&info), &Limits::default()).unwrap_err();
        assert_eq!((error.kind(), error.input()), (ErrorKind::BadInput, Some("x")));
    }
}

#[test]
fn pictures_in_json_are_base64() {
    let info = one_input(DType::F32);
    let limits = Limits::default();
    for data in [r#"["YWJj","ZA=="]"#, r#"[["YWJj"],["ZA"]]"#] {
        let body = request("BYTES", "[2]", data);
        let parsed = read(body.as_bytes(), None, &with_pictures(&info), &limits).unwrap();
        let Content::Pictures(pictures) = parsed.content else { panic!() };
        assert_eq!(pictures, [&b"abc"[..], b"d"]);
    }
    for data in [r#"["YWJj"]"#, r#"["YWJj","ZA","ZA"]"#, r#"["YWJj","#, "[1,2]", r#"["&&&&","ZA"]"#]
    {
        let body = request("BYTES", "[2]", data);
        let error = read(body.as_bytes(), None, &with_pictures(&info), &limits).unwrap_err();
        assert_eq!((error.kind(), error.input()), (ErrorKind::BadInput, Some("x")), "{data}");
    }
}
