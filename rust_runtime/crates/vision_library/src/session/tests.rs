use ndarray::{Ix4, arr1};
use runner_core::{DType, Dim, Tensor, TensorSpec};

use super::*;
use crate::{FromPrediction, file_of, give, take};

const MANIFEST: &[u8] = br#"{"name":"twice","preprocess":{"scale":1},
    "postprocess":{"kind":"image","scale":1}}"#;

/// Gives every number twice.
struct Twice(ModelInfo);

impl Runner for Twice {
    fn from_config(config: &RunnerConfig) -> Result<Self, LoadError> {
        let spec = |name: &str| {
            let dims = ["n", "3", "h", "w"];
            let dim = |dim: &str| dim.parse().map_or_else(|_| Dim::Symbol(dim.into()), Dim::Fixed);
            TensorSpec { name: name.into(), dtype: DType::F32, dims: dims.map(dim).to_vec() }
        };
        Ok(Self(ModelInfo {
            model: config.source.name(),
            backend: "test".into(),
            backend_version: "0".into(),
            inputs: vec![spec("x")],
            outputs: vec![spec("y")],
            threads: config.threads.unwrap_or(7),
            device: config.device,
            axes: std::collections::BTreeMap::new(),
        }))
    }

    fn info(&self) -> &ModelInfo {
        &self.0
    }

    fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, runner_core::RunError> {
        let twice = |tensor| match tensor {
            Tensor::F32(array) => Tensor::F32(array * 2.0),
            other => other,
        };
        Ok(inputs.into_iter().map(twice).collect())
    }
}

pub(crate) fn carried() -> Carried {
    Carried {
        name: "twice",
        model: b"PK\x03\x04",
        goldens: b"",
        manifest: MANIFEST,
        load: |config| Ok(Box::new(Twice::from_config(config)?)),
    }
}

fn session(options: &Options) -> Result<Session, Error> {
    Session::load(carried(), options)
}

#[test]
fn tensors_and_pictures_go_through_it() {
    let session = session(&Options::default()).unwrap();
    let array = ndarray::Array4::<f32>::from_elem((1, 3, 2, 2), 1.5);
    let mut outputs = session.run(vec![give("x", array.clone())]).unwrap();
    assert_eq!(take::<f32, Ix4>(&mut outputs, "y").unwrap(), array * 2.0);

    let picture = Picture::new(2, 1, 3, vec![1, 2, 3, 4, 5, 200]).unwrap();
    let file = vision_io::encode(&picture, vision_io::OutputFormat::Png).unwrap();
    let made = session.predict_file(&file).unwrap();
    let again = vision_io::decode(&file_of(&made).unwrap()).unwrap();
    assert_eq!(again.pixels(), [2, 4, 6, 8, 10, 255]);
    assert_eq!(Picture::from_prediction(made.clone()), Some(again));
    assert_eq!(vision_io::Mask::from_prediction(made), None);
}

#[test]
fn options_reach_the_engine() {
    let options = Options { threads: NonZeroUsize::new(3), device: Device::Cuda(1) };
    let session = session(&options).unwrap();
    assert_eq!((session.info().threads, session.info().device), (3, Device::Cuda(1)));
    assert!(session.labels().is_none());
}

#[test]
fn errors_have_the_kinds_of_all_packages() {
    let session = session(&Options::default()).unwrap();
    let wrong = session.run(vec![("x".into(), Tensor::from(arr1(&[1.0_f32]).into_dyn()))]);
    assert_eq!(wrong.unwrap_err().kind(), "shape_mismatch");
    assert_eq!(session.predict_file(b"no picture").unwrap_err().kind(), "not_a_picture");
    assert_eq!(session.goldens().unwrap_err().kind(), "corrupt");
}
