//! Proves that outputs mean what PyTorch's and torchvision's operations make of them. The cases in
//! `goldens/outputs.json` are made by `make_output_goldens.py`.

use std::{fs, path::PathBuf};

use ndarray::{ArrayD, IxDyn};
use runner_core::{NamedTensors, Tensor};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::Deserialize;
use serde_json::Value;
use vision_io::{Placement, Postprocess, Prediction, Resize, decode, encode_mask, postprocess};

#[derive(Deserialize)]
struct Case {
    name: String,
    picture: [usize; 2],
    resize: Option<Resize>,
    postprocess: Postprocess,
    document: Value,
}

fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    fs::read(folder.join(name)).unwrap()
}

fn array<T, const N: usize>(view: &TensorView<'_>, read: fn([u8; N]) -> T) -> ArrayD<T> {
    let values = view.data().chunks_exact(N).map(|bytes| read(bytes.try_into().unwrap()));
    ArrayD::from_shape_vec(IxDyn(view.shape()), values.collect()).unwrap()
}

fn tensor(view: &TensorView<'_>) -> Tensor {
    match view.dtype() {
        Dtype::F32 => array(view, f32::from_le_bytes).into(),
        Dtype::I64 => array(view, i64::from_le_bytes).into(),
        other => panic!("{other:?}"),
    }
}

/// Equal but for the last digits of the numbers.
fn close(got: &Value, wanted: &Value) -> bool {
    match (got, wanted) {
        (Value::Number(got), Value::Number(wanted)) => {
            let (got, wanted) = (got.as_f64().unwrap(), wanted.as_f64().unwrap());
            (got - wanted).abs() <= 1e-9 * wanted.abs().max(1.0)
        }
        (Value::Array(got), Value::Array(wanted)) => {
            got.len() == wanted.len() && got.iter().zip(wanted).all(|(a, b)| close(a, b))
        }
        (Value::Object(got), Value::Object(wanted)) => {
            got.len() == wanted.len()
                && got.iter().all(|(key, value)| wanted.get(key).is_some_and(|w| close(value, w)))
        }
        _ => got == wanted,
    }
}

#[test]
fn outputs_mean_what_pytorch_makes_of_them() {
    let (json, bytes) = (golden("outputs.json"), golden("outputs.safetensors"));
    let cases: Vec<Case> = serde_json::from_slice(&json).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(cases.len(), 3 + 5 + 10);
    for case in cases {
        let prefix = format!("{}/", case.name);
        let outputs: NamedTensors = tensors
            .iter()
            .filter_map(|(name, view)| {
                Some((name.strip_prefix(&prefix)?.to_owned(), tensor(&view)))
            })
            .collect();
        let placement = Placement::new(case.picture, case.resize.as_ref());
        let got = postprocess(&outputs, &case.postprocess, &placement).unwrap();
        let document = serde_json::to_value(got.document()).unwrap();
        assert!(close(&document, &case.document), "{}: {document:#}", case.name);
        if let Prediction::Segmentation(mask) = got {
            let view = tensors.tensor(&format!("{}.ids", case.name)).unwrap();
            let wanted: Vec<u16> = array(&view, u16::from_le_bytes).into_iter().collect();
            assert_eq!(mask.ids, wanted, "{}", case.name);
        }
    }
}

#[test]
fn above_255_classes_a_masks_file_has_16_bits() {
    let mut scores = ArrayD::zeros(IxDyn(&[1, 300, 1, 1]));
    scores[[0, 299, 0, 0]] = 1.0_f32;
    let outputs = vec![("output".to_owned(), scores.into())];
    let contract: Postprocess = serde_json::from_str(r#"{"kind":"segmentation"}"#).unwrap();
    let prediction = postprocess(&outputs, &contract, &Placement::new([1, 1], None)).unwrap();
    let Prediction::Segmentation(mask) = prediction else { panic!("a mask") };
    assert_eq!((&mask.ids[..], mask.unseen), (&[299][..], u16::MAX));
    let png = encode_mask(&mask).unwrap();
    let (bits, color_type) = (png[24], png[25]);
    assert_eq!((bits, color_type), (16, 0));
}

#[test]
fn a_pixel_with_its_middle_on_the_cut_is_unseen() {
    let to = r#"{"width":1,"height":1,"mode":"center-crop","shorter_side":2}"#;
    let to: Resize = serde_json::from_str(to).unwrap();
    let outputs = vec![("output".to_owned(), ArrayD::<f32>::zeros(IxDyn(&[1, 2, 1, 1])).into())];
    let contract: Postprocess = serde_json::from_str(r#"{"kind":"segmentation"}"#).unwrap();
    let placement = Placement::new([1, 1], Some(&to));
    let prediction = postprocess(&outputs, &contract, &placement).unwrap();
    let Prediction::Segmentation(mask) = prediction else { panic!("a mask") };
    assert_eq!((&mask.ids[..], mask.unseen), (&[255][..], 255));
}

#[test]
fn a_masks_file_shows_the_colours_or_the_ids() {
    let scores =
        ArrayD::from_shape_vec(IxDyn(&[1, 2, 1, 2]), vec![1.0_f32, 0.0, 0.0, 1.0]).unwrap();
    let outputs = vec![("output".to_owned(), scores.into())];
    let png = |json: &str| {
        let contract: Postprocess = serde_json::from_str(json).unwrap();
        let placement = Placement::new([2, 1], None);
        let prediction = postprocess(&outputs, &contract, &placement).unwrap();
        let Prediction::Segmentation(mask) = prediction else { panic!("a mask") };
        decode(&encode_mask(&mask).unwrap()).unwrap().pixels().to_vec()
    };
    assert_eq!(png(r#"{"kind":"segmentation"}"#), [0, 0, 0, 1, 1, 1]);
    let colors = r#"{"kind":"segmentation","colors":[[1,2,3],[250,0,9]]}"#;
    assert_eq!(png(colors), [1, 2, 3, 250, 0, 9]);
}
