//! Every value of every element type passes through the engine unchanged.

use runner_core::{
    Availability, Backend, Runner, Tensor, f16,
    ndarray::{ArrayD, IxDyn},
};
use runner_ort::{OrtBackend, load_from_bytes};

use crate::onnx::{Element, Value, one_node};

fn through(element: Element, tensor: Tensor) -> Tensor {
    let inputs = [Value { name: "x", element, dims: Some(&["n"]) }];
    let output = Value { name: "y", ..inputs[0] };
    let model = one_node("Identity", &inputs, output).bytes();
    let runner = load_from_bytes("identity", &model).unwrap();
    runner.run_named(vec![("x".to_owned(), tensor)]).unwrap().remove(0).1
}

fn passes<T: Clone>(element: Element, values: &[T], same: impl Fn(&T, &T) -> bool)
where
    Tensor: From<ArrayD<T>>,
    ArrayD<T>: TryFrom<Tensor>,
{
    let array = ArrayD::from_shape_vec(IxDyn(&[values.len()]), values.to_vec()).unwrap();
    let got = through(element, array.into());
    let dtype = got.dtype();
    let Ok(got) = ArrayD::<T>::try_from(got) else {
        panic!("came back as {dtype}");
    };
    assert_eq!(got.len(), values.len());
    assert!(got.iter().zip(values).all(|(got, sent)| same(got, sent)), "{dtype} is changed");
}

#[test]
fn integers_and_booleans_pass() {
    passes(Element::Int8, &(i8::MIN..=i8::MAX).collect::<Vec<_>>(), i8::eq);
    passes(Element::Uint8, &(u8::MIN..=u8::MAX).collect::<Vec<_>>(), u8::eq);
    passes(Element::Int32, &[i32::MIN, -1, 0, 1, (1 << 24) + 1, i32::MAX], i32::eq);
    passes(Element::Int64, &[i64::MIN, -1, 0, 1, (1 << 53) + 1, i64::MAX], i64::eq);
    passes(Element::Bool, &[true, false, false, true], bool::eq);
}

#[test]
fn floats_pass_with_their_bits() {
    let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
    passes(Element::Float16, &halves, |a, b| a.to_bits() == b.to_bits());
    let [tiny, low] = [f32::from_bits(1), f32::MIN];
    let singles = [0.0, -0.0, tiny, low, f32::MAX, f32::NAN, f32::INFINITY, 0.1];
    passes(Element::Float, &singles, |a, b| a.to_bits() == b.to_bits());
    let [tiny, low] = [f64::from_bits(1), f64::MIN];
    let doubles = [0.0, -0.0, tiny, low, f64::MAX, f64::NAN, f64::INFINITY, 0.1];
    passes(Element::Double, &doubles, |a, b| a.to_bits() == b.to_bits());
}

#[test]
fn other_layouts_pass_in_their_own_order() {
    let mut array = ArrayD::from_shape_vec(IxDyn(&[3]), vec![1_i64, 2, 3]).unwrap();
    array.invert_axis(runner_core::ndarray::Axis(0));
    let expected = ArrayD::from_shape_vec(IxDyn(&[3]), vec![3_i64, 2, 1]).unwrap();
    assert_eq!(through(Element::Int64, array.into()), expected.into());
}

#[test]
fn an_axis_that_is_declared_empty_passes() {
    let inputs = [Value { name: "x", element: Element::Bool, dims: Some(&["0", "2"]) }];
    let output = Value { name: "y", ..inputs[0] };
    let model = one_node("Identity", &inputs, output).bytes();
    let empty = Tensor::from(ArrayD::from_elem(IxDyn(&[0, 2]), true));
    let runner = load_from_bytes("empty", &model).unwrap();
    let outputs = runner.run_named(vec![("x".to_owned(), empty.clone())]).unwrap();
    assert_eq!(outputs[0].1, empty);
}

#[test]
fn the_version_is_the_librarys_own() {
    let Availability::Ready { version } = OrtBackend.check() else {
        panic!("{:?}", OrtBackend.check());
    };
    let numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap()).collect();
    assert!(numbers.as_slice() >= &[1, 22][..], "{version}");
    // Linux packages carry the version in the file's name.
    let file = std::env::var("ORT_DYLIB_PATH").unwrap_or_default();
    if let Some((_, of_file)) = file.split_once(".so.") {
        assert!(version.starts_with(of_file), "{version}, {file}");
    }
}
