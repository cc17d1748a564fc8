use runner_core::{DType, Device, TensorSpec};
use vision_io::Tiling;

use super::*;

fn spec(name: &str, dims: &[&str]) -> TensorSpec {
    let dim = |dim: &&str| dim.parse().map_or_else(|_| Dim::Symbol((*dim).to_owned()), Dim::Fixed);
    let dims = dims.iter().map(dim).collect();
    TensorSpec { name: name.into(), dtype: DType::F32, dims }
}

fn info(inputs: &[&[&str]]) -> ModelInfo {
    ModelInfo {
        model: "m".into(),
        backend: "echo".into(),
        backend_version: "0".into(),
        inputs: inputs.iter().map(|dims| spec("x", dims)).collect(),
        outputs: vec![spec("y", &["n", "3", "h", "w"])],
        threads: 1,
        device: Device::Cpu,
        axes: std::collections::BTreeMap::new(),
    }
}

fn contract(postprocess: &str, tiling: Option<Tiling>) -> Contract {
    Contract {
        preprocess: Some(serde_json::from_str("{}").unwrap()),
        postprocess: serde_json::from_str(postprocess).unwrap(),
        tiling,
        ..Contract::default()
    }
}

fn picture(width: usize, height: usize) -> Picture {
    let pixels = (0..width * height * 3).map(|index| (index * 37 % 251) as u8).collect();
    Picture::new(width, height, 3, pixels).unwrap()
}

const ANY: &[&str] = &["n", "3", "h", "w"];
const IMAGE: &str = r#"{"kind":"image"}"#;
const TILING: Tiling = Tiling { overlap: 2, multiple: 2 };

#[allow(clippy::unnecessary_wraps, reason = "it stands for a model")]
fn echo(inputs: NamedTensors) -> Result<NamedTensors, ModelError> {
    Ok(inputs.into_iter().map(|(_, tensor)| ("y".to_owned(), tensor)).collect())
}

fn picture_out(answer: Answer) -> Picture {
    match answer {
        Answer::Prediction(Prediction::Image(picture)) => picture,
        other => panic!("{other:?}"),
    }
}

fn shown(sides: &[&str], contract: &Contract, given: (usize, usize)) -> (Picture, Way) {
    let model = info(&[sides]);
    let given = picture(given.0, given.1);
    let (answer, way) =
        run_picture((&model, contract), given, (Want::Prediction, Some(8)), echo).unwrap();
    (picture_out(answer), way)
}

#[test]
fn a_picture_comes_back_by_every_way() {
    let whole = contract(IMAGE, None);
    let model = info(&[ANY]);
    let (answer, way) =
        run_picture((&model, &whole), picture(5, 3), (Want::Prediction, None), echo).unwrap();
    assert_eq!((picture_out(answer), way), (picture(5, 3), Way::Direct));

    let tiled = contract(IMAGE, Some(TILING));
    let (result, way) = shown(ANY, &tiled, (21, 9));
    assert_eq!(result, picture(21, 9));
    assert!(matches!(way, Way::Tiled { tiles: 6.., width: 8, height: 8 }), "{way:?}");
}

#[test]
fn a_picture_of_another_size_is_brought_to_the_models_and_back() {
    let model = info(&[&["n", "3", "4", "4"]]);
    let whole = contract(IMAGE, None);
    let (answer, way) =
        run_picture((&model, &whole), picture(8, 6), (Want::Prediction, None), echo).unwrap();
    assert_eq!(way, Way::Resized { width: 4, height: 4 });
    let result = picture_out(answer);
    assert_eq!((result.width(), result.height()), (8, 6));
    assert!(way.note().is_some());
}

#[test]
fn several_tiles_may_be_under_way_at_once() {
    let model = info(&[ANY]);
    let tiled = contract(IMAGE, Some(TILING));
    let mut run =
        PictureRun::new((&model, &tiled), picture(21, 9), Want::Prediction, Some(8)).unwrap();
    let bytes = run.input_bytes();
    let mut under_way = Vec::new();
    while let Some(inputs) = run.next_input().unwrap() {
        let [(name, Tensor::F32(array))] = &inputs[..] else { panic!("{inputs:?}") };
        assert_eq!((name.as_str(), array.len() * 4), ("x", bytes));
        under_way.push(inputs);
    }
    assert_eq!(under_way.len(), run.runs());
    for inputs in under_way {
        run.accept(echo(inputs).unwrap()).unwrap();
    }
    assert_eq!(picture_out(run.finish().unwrap().0), picture(21, 9));
}

#[test]
fn tensors_come_with_the_place_of_the_picture() {
    for tiling in [None, Some(TILING)] {
        let model = info(&[ANY]);
        let contract = contract("null", tiling);
        let (answer, _) =
            run_picture((&model, &contract), picture(21, 9), (Want::Tensors, None), echo).unwrap();
        let Answer::Tensors(tensors, placement) = answer else { panic!("tensors") };
        assert_eq!((tensors[0].0.as_str(), tensors[0].1.shape()), ("y", &[1, 3, 9, 21][..]));
        assert_eq!(placement.picture, [21, 9]);
    }
}

#[test]
fn an_answer_before_the_last_run_is_refused() {
    let model = info(&[ANY]);
    for tiling in [None, Some(TILING)] {
        let contract = contract(IMAGE, tiling);
        let mut run =
            PictureRun::new((&model, &contract), picture(21, 9), Want::Prediction, None).unwrap();
        run.next_input().unwrap();
        assert_eq!(run.finish().unwrap_err().kind(), ModelErrorKind::Unfinished);
    }
}

#[test]
fn what_the_model_does_not_take_is_told_by_kind() {
    let fixed: &[&str] = &["n", "3", "4", "4"];
    let image = contract(IMAGE, None);
    let classes = contract(r#"{"kind":"classification"}"#, None);
    let cases = [
        (vec![ANY], Contract::default(), None, ModelErrorKind::NoPictures),
        (vec![ANY], contract("null", None), None, ModelErrorKind::NoPrediction),
        (vec![ANY], contract(r#"{"kind":"raw"}"#, None), None, ModelErrorKind::NoPrediction),
        (vec![ANY, ANY], image.clone(), None, ModelErrorKind::SeveralInputs),
        (vec![&ANY[..2]], image.clone(), None, ModelErrorKind::NotAPictureInput),
        (vec![ANY], image, Some(64), ModelErrorKind::NoTiles),
        (vec![fixed], classes, None, ModelErrorKind::PictureSize),
    ];
    for (inputs, contract, tile, kind) in cases {
        let model = (&info(&inputs), &contract);
        let error = PictureRun::new(model, picture(9, 5), Want::Prediction, tile).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[test]
fn outputs_that_are_no_picture_are_told_by_kind() {
    let model = info(&[ANY]);
    let tiled = contract(IMAGE, Some(TILING));
    let refused = |outputs: NamedTensors| {
        let run = |_| Ok::<_, ModelError>(outputs.clone());
        run_picture((&model, &tiled), picture(4, 4), (Want::Prediction, None), run)
            .unwrap_err()
            .kind()
    };
    let integers = Tensor::from(ArrayD::<i64>::zeros(vec![1, 3, 4, 4]));
    assert_eq!(refused(vec![("y".into(), integers.clone())]), ModelErrorKind::OutputDtype);
    let two = vec![("y".into(), integers.clone()), ("z".into(), integers)];
    assert_eq!(refused(two), ModelErrorKind::SeveralOutputs);
    assert_eq!(refused(vec![]), ModelErrorKind::SeveralOutputs);
}
