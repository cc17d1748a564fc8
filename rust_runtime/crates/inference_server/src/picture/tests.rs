//! Proves that pictures go through a model as programs take them, within bounds, and together with
//! each other.

use std::{collections::BTreeMap, sync::Mutex, thread};

use runner_core::Runner;
use vision_io::{OutputFormat, Picture, Prediction, decode, encode};
use vision_model::Way;

use super::*;
use crate::{
    batch::BatchSettings,
    metrics::Metrics,
    model::{Description, ModelSettings, Repository, Source, Surroundings},
    testing::{Engine, Gate, one_to_one, onnx, values},
    wait::block_on,
};

mod bounds;
mod times;

const ANY: [&str; 4] = ["n", "3", "h", "w"];
const IMAGE: (&str, &str) = ("oxv.postprocess", r#"{"kind":"image"}"#);
const PICTURE: (&str, &str) = ("oxv.preprocess", "{}");
const TILING: (&str, &str) = ("oxv.tiling", r#"{"overlap":2,"multiple":2}"#);

/// A model of these metadata around an engine.
fn version(engine: Engine, props: &[(&str, &str)]) -> Arc<Version> {
    version_with(engine, props, 8, QueueLimits::default())
}

/// A model whose batches are so large, within limits.
fn version_with(
    engine: Engine,
    props: &[(&str, &str)],
    size: usize,
    limits: QueueLimits,
) -> Arc<Version> {
    let engine = Mutex::new(Some(engine));
    let repository = Repository::new(Surroundings {
        loader: Box::new(move |_, _| {
            Ok(Box::new(engine.lock().unwrap().take().unwrap()) as Box<dyn Runner>)
        }),
        limits,
        clock: Clock::start().unwrap(),
        metrics: Arc::new(Metrics::new()),
    });
    let input_shapes = BTreeMap::new();
    let batch = BatchSettings { size, ..BatchSettings::default() };
    let settings =
        ModelSettings { engines: 1, threads: 1, batch, input_shapes, ..ModelSettings::default() };
    let model = onnx(props).into();
    let source = Source::Bytes { file: "m.onnx".into(), model, goldens: None, manifest: None };
    let (name, version, runner) = ("m".into(), "1".into(), "test".into());
    repository.describe(Description { name, version, source, runner, settings }).unwrap();
    repository.load("m", None).unwrap();
    repository.find("m", None).unwrap()
}

fn echo(props: &[(&str, &str)]) -> Arc<Version> {
    version(Engine::echo(&ANY), props)
}

/// An engine that holds up runs on pictures that are white somewhere.
fn held_on_white() -> (Engine, Gate) {
    let white = |inputs: &[runner_core::Tensor]| values(&inputs[0]).contains(&1.0);
    Engine::gated_when(Engine::echo(&ANY), white)
}

fn picture(width: usize, height: usize, from: u8) -> Picture {
    let pixels = (0..width * height * 3).map(|index| from.wrapping_add((index % 7) as u8 * 9));
    Picture::new(width, height, 3, pixels.collect()).unwrap()
}

fn white() -> Picture {
    Picture::new(8, 8, 3, vec![255; 8 * 8 * 3]).unwrap()
}

fn png(picture: &Picture) -> Vec<u8> {
    encode(picture, OutputFormat::Png).unwrap()
}

fn pictures(limits: &Limits) -> Pictures {
    Pictures::start(1, limits, &Clock::start().unwrap()).unwrap()
}

fn refused(version: &Arc<Version>, limits: &Limits, file: Vec<u8>) -> ServerError {
    block_on(pictures(limits).predict(version, PictureRequest::new(file))).unwrap_err()
}

fn shown(reply: &PictureReply) -> (&Picture, Vec<u8>) {
    match &reply.result {
        PictureResult::Meaning { prediction: Prediction::Image(picture), png: Some(png) } => {
            (picture, png.clone())
        }
        other => panic!("{other:?}"),
    }
}

fn until(done: impl Fn() -> bool) {
    while !done() {
        thread::yield_now();
    }
}

#[test]
fn a_picture_comes_back_as_what_it_means_and_as_a_file() {
    let version = echo(&[PICTURE, IMAGE]);
    let pictures = pictures(&Limits::default());
    let given = picture(9, 5, 3);
    let reply = block_on(pictures.predict(&version, PictureRequest::new(png(&given)))).unwrap();
    let (result, file) = shown(&reply);
    assert_eq!((result, &decode(&file).unwrap()), (&given, &given));
    assert_eq!((reply.sides, reply.way, reply.timing.batch_size), ([9, 5], Way::Direct, 1));
    let unencoded = PictureRequest { encode: false, ..PictureRequest::new(png(&given)) };
    let reply = block_on(pictures.predict(&version, unencoded)).unwrap();
    assert!(matches!(reply.result, PictureResult::Meaning { png: None, .. }));
}

#[test]
fn classes_come_with_their_labels() {
    let outputs = vec![crate::testing::spec("y", &["n", "2"])];
    let info = crate::testing::info(one_to_one(&ANY).inputs, outputs);
    let engine = Engine::new(info, |inputs| {
        let rows = inputs[0].shape()[0];
        let scores = [0.0, 2.0].repeat(rows);
        let array = runner_core::ndarray::ArrayD::from_shape_vec(vec![rows, 2], scores).unwrap();
        Ok(vec![array.into()])
    });
    let labels = r#"{"kind":"classification","labels":["cat","dog"],"top_k":1}"#;
    let version = version(engine, &[PICTURE, ("oxv.postprocess", labels)]);
    let request = PictureRequest::new(png(&picture(8, 8, 0)));
    let reply = block_on(pictures(&Limits::default()).predict(&version, request)).unwrap();
    let PictureResult::Meaning { prediction: Prediction::Classification(found), png: None } =
        reply.result
    else {
        panic!("{reply:?}")
    };
    assert_eq!(found.classes[0].label.as_deref(), Some("dog"));
}

#[test]
fn no_thread_is_held_while_the_model_runs_and_pictures_share_a_run() {
    let (engine, gate) = held_on_white();
    let version = version(engine, &[PICTURE, IMAGE]);
    let pictures = pictures(&Limits::default());
    let predict = |given: Picture| {
        let request = PictureRequest::new(png(&given));
        let reply = block_on(pictures.predict(&version, request)).unwrap();
        assert_eq!(shown(&reply).0, &given);
        reply.timing.batch_size
    };
    let predict = &predict;
    thread::scope(|scope| {
        let first = scope.spawn(move || predict(white()));
        gate.entered();
        // The only thread for pictures decodes these while the first one is in the model.
        let others = [1, 2].map(|from| scope.spawn(move || predict(picture(8, 8, from))));
        until(|| version.load().waiting == 2);
        gate.open();
        assert_eq!(first.join().unwrap(), 1);
        assert_eq!(others.map(|other| other.join().unwrap()), [2, 2]);
    });
}

#[test]
fn a_large_picture_goes_in_tiles_that_share_runs() {
    let version = echo(&[PICTURE, IMAGE, TILING]);
    let given = picture(700, 300, 5);
    let request = PictureRequest::new(png(&given));
    let pictures = pictures(&Limits::default());
    let reply = block_on(pictures.predict(&version, request)).unwrap();
    assert_eq!(shown(&reply).0, &given);
    let Way::Tiled { tiles, .. } = reply.way else { panic!("{:?}", reply.way) };
    assert!(tiles >= 6);
    assert_eq!(version.statistics().inference_count, tiles as u64);
    let all = units_of(Limits::default().pictures.decode_memory as u64) as usize;
    assert_eq!(pictures.memory.available_permits(), all);
}

#[test]
fn a_client_that_leaves_takes_its_picture_back() {
    let (engine, gate) = held_on_white();
    let version = version(engine, &[PICTURE, IMAGE]);
    let pictures = pictures(&Limits::default());
    let predict = |given: Picture, deadline| {
        let request = PictureRequest { deadline, ..PictureRequest::new(png(&given)) };
        block_on(pictures.predict(&version, request))
    };
    let predict = &predict;
    thread::scope(|scope| {
        let first = scope.spawn(move || predict(white(), None));
        gate.entered();
        let soon = Some(Instant::now() + Duration::from_millis(200));
        let error = predict(picture(8, 8, 1), soon).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert_eq!((version.load().waiting, version.load().running), (0, 1));
        gate.open();
        assert!(first.join().unwrap().is_ok());
    });
}

#[test]
fn tensors_of_several_pictures_come_as_one_batch() {
    let version = echo(&[PICTURE, IMAGE]);
    let pictures = pictures(&Limits::default());
    let requests = |sides: [usize; 2]| {
        sides.map(|side| PictureRequest::new(png(&picture(side, 4, side as u8)))).into()
    };
    let (outputs, timing) = block_on(pictures.infer_all(&version, requests([6, 6]))).unwrap();
    assert_eq!((outputs[0].0.as_str(), outputs[0].1.shape()), ("y", &[2, 3, 4, 6][..]));
    assert!(timing.batch_size >= 1);
    let error = block_on(pictures.infer_all(&version, requests([6, 7]))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
}

#[test]
fn a_model_that_takes_no_pictures_says_so() {
    let error = refused(&echo(&[]), &Limits::default(), png(&white()));
    assert_eq!(error.kind(), ErrorKind::BadInput);
    assert!(error.to_string().contains("how it takes pictures"), "{error}");
    let raw = echo(&[PICTURE, ("oxv.postprocess", r#"{"kind":"raw"}"#)]);
    let request = PictureRequest::new(png(&white()));
    let reply = block_on(pictures(&Limits::default()).predict(&raw, request)).unwrap();
    assert!(matches!(reply.result, PictureResult::Tensors(_)));
}
