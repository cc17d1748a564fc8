use runner_core::ModelInfo;

use super::*;
use crate::protocol::testing::{fixed, model, spec, symbol};

fn target(info: &ModelInfo) -> Target<'_> {
    Target { name: "m", version: "1", info, pictures: Some("image") }
}

fn admit(info: &ModelInfo, inputs: &[(&str, Datatype, &[usize])]) -> Result<()> {
    let limits = Limits::default();
    let mut checker = Checker::new(&target(info), &limits);
    for (name, datatype, shape) in inputs {
        checker.admit(name, *datatype, shape)?;
    }
    checker.finish()
}

fn two_inputs() -> ModelInfo {
    let dims = || vec![symbol("batch"), fixed(3), symbol("side"), symbol("side")];
    let inputs = vec![spec("a", DType::F32, dims()), spec("b", DType::U8, dims())];
    model(inputs, vec![spec("y", DType::F32, vec![symbol("batch"), fixed(10)])])
}

#[test]
fn what_fits_is_admitted() {
    let shape: &[usize] = &[2, 3, 8, 8];
    let inputs = [("b", Datatype::Uint8, shape), ("a", Datatype::Fp32, shape)];
    assert_eq!(admit(&two_inputs(), &inputs), Ok(()));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    use Datatype::{Bytes, Fp32, Fp64, Uint8, Uint16};
    type Inputs<'a> = Vec<(&'a str, Datatype, &'a [usize])>;
    let good: &[usize] = &[1, 3, 8, 8];
    let cases: [(Inputs<'_>, &str, &str); 11] = [
        (vec![("a", Fp32, good)], "b", "missing: expected UINT8 [batch, 3, side, side]"),
        (vec![("c", Fp32, good)], "c", "the model has a, b"),
        (vec![("a", Fp32, good), ("a", Fp32, good)], "a", "twice"),
        (vec![("a", Fp64, good)], "a", "expected FP32, got FP64"),
        (vec![("a", Uint16, good)], "a", "expected FP32, got UINT16"),
        (vec![("a", Bytes, &[1])], "a", "expected FP32, got BYTES"),
        (vec![("a", Fp32, &[1, 4, 8, 8])], "a", "got [1, 4, 8, 8]"),
        (vec![("a", Fp32, &[1, 3, 8])], "a", "got [1, 3, 8]"),
        (vec![("a", Fp32, &[1, 3, 8, 9])], "a", "expected shape [batch, 3, side, side]"),
        (vec![("a", Fp32, &[0, 3, 8, 8])], "a", "got [0, 3, 8, 8]"),
        (vec![("a", Fp32, good), ("b", Uint8, &[1, 3, 9, 9])], "b", "got [1, 3, 9, 9]"),
    ];
    for (inputs, input, text) in cases {
        let error = admit(&two_inputs(), &inputs).unwrap_err();
        assert_eq!((error.kind(), error.input()), (ErrorKind::BadInput, Some(input)));
        assert!(error.message().contains(text), "{error}");
    }
}

#[test]
fn memory_is_estimated_before_it_is_taken() {
    let dims = vec![fixed(1), fixed(3), symbol("h"), symbol("w")];
    let info = model(vec![spec("x", DType::F32, dims.clone())], vec![]);
    let error = admit(&info, &[("x", Datatype::Fp32, &[1, 3, 100_000, 100_000])]).unwrap_err();
    assert_eq!((error.kind(), error.input()), (ErrorKind::TooLarge, Some("x")));
    let error = admit(&info, &[("x", Datatype::Fp32, &[1, 3, 1 << 60, 1 << 60])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);

    let mut limits = Limits::default();
    limits.request.memory = 47;
    let mut checker = Checker::new(&target(&info), &limits);
    let error = checker.admit("x", Datatype::Fp32, &[1, 3, 2, 2]).unwrap_err();
    assert_eq!((error.kind(), error.input()), (ErrorKind::TooLarge, Some("x")));
}

#[test]
fn outputs_count_as_far_as_their_axes_are_known() {
    let outputs = vec![spec("y", DType::F32, vec![symbol("n"), fixed(1 << 20), symbol("k")])];
    let info = model(vec![spec("x", DType::U8, vec![symbol("n")])], outputs);
    assert_eq!(admit(&info, &[("x", Datatype::Uint8, &[100])]), Ok(()));
    let error = admit(&info, &[("x", Datatype::Uint8, &[1000])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn pictures_are_admitted_where_the_model_takes_them() {
    let info = model(vec![spec("image", DType::F32, vec![symbol("n"), fixed(8)])], vec![]);
    let limits = Limits::default();
    let pictures = |shape: &[usize]| {
        Checker::new(&target(&info), &limits).admit("image", Datatype::Bytes, shape)
    };
    assert_eq!(pictures(&[2, 1]), Ok(Admitted::Pictures(2)));
    assert_eq!(pictures(&[0]).unwrap_err().kind(), ErrorKind::BadInput);
    for shape in [&[65][..], &[1 << 40, 1 << 40]] {
        assert_eq!(pictures(shape).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

#[test]
fn inputs_of_any_origin_are_held_against_the_model() {
    let (info, limits) = (two_inputs(), Limits::default());
    let shape: &[usize] = &[1, 3, 8, 8];
    let a = ("a", DType::F32, shape);
    let inputs = [("b", DType::U8, shape), a];
    assert_eq!(check_inputs(&target(&info), &limits, inputs), Ok(()));
    assert_eq!(check_inputs(&target(&info), &limits, [a]).unwrap_err().input(), Some("b"));
}
