mod outputs;
mod pixels;
mod resize;

use serde::{Deserialize, Serialize};

pub use self::{
    outputs::{
        Activation, Attributes, BoxFormat, ClassificationOutput, DetectionOutput, Postprocess,
        RawOutput, SegmentationOutput,
    },
    pixels::{Color, ImageOutput, Layout, Preprocess},
    resize::{Filter, Mode, Resize},
};
pub(crate) use pixels::Constants;

use crate::{VisionError, VisionErrorKind, metadata::metadata_props};

const SCHEMA_VERSION: &str = "1";

/// How a picture may be cut without a trace in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tiling {
    /// Pixels around an output pixel that it depends on.
    pub overlap: usize,
    /// Tiles inside the picture start and end at multiples of this many pixels.
    pub multiple: usize,
}

/// What a model says of its pictures.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Contract {
    /// The model's name.
    pub name: Option<String>,
    /// How pictures go in; `None` where the model takes tensors only.
    pub preprocess: Option<Preprocess>,
    /// How the output is read.
    pub postprocess: Option<Postprocess>,
    /// How pictures may be cut.
    pub tiling: Option<Tiling>,
}

impl Contract {
    /// Reads the `oxv.*` metadata of an ONNX file; a model without any has an empty contract.
    ///
    /// # Errors
    /// [`VisionErrorKind::InvalidContract`] when the file is no ONNX file or the contract is
    /// damaged, of another version, or asks for what this version lacks.
    pub fn from_onnx(model: &[u8]) -> Result<Self, VisionError> {
        let mut props = metadata_props(model)?;
        let version = props.remove("oxv.schema_version");
        if version.as_deref().is_some_and(|version| version != SCHEMA_VERSION) {
            let version = version.unwrap_or_default();
            return Err(invalid(format!(
                "the model's contract has schema version {version}; this program reads \
                 {SCHEMA_VERSION}"
            )));
        }
        let contract = Self {
            preprocess: parse(props.remove("oxv.preprocess"), "preprocess")?,
            postprocess: parse(props.remove("oxv.postprocess"), "postprocess")?,
            tiling: parse(props.remove("oxv.tiling"), "tiling")?,
            name: props.remove("oxv.name"),
        };
        contract.check()?;
        Ok(contract)
    }

    /// Reads the contract that a manifest holds, for models whose files have no such metadata.
    ///
    /// # Errors
    /// [`VisionErrorKind::InvalidContract`] as in [`Self::from_onnx`].
    pub fn from_manifest(manifest: &[u8]) -> Result<Self, VisionError> {
        #[derive(Deserialize)]
        struct Sections {
            name: Option<String>,
            preprocess: Option<Preprocess>,
            postprocess: Option<Postprocess>,
            tiling: Option<Tiling>,
        }
        let sections: Sections = serde_json::from_slice(manifest).map_err(|error| {
            let message = format!("the manifest's contract cannot be read: {error}");
            invalid(message).with_source(error)
        })?;
        let Sections { name, preprocess, postprocess, tiling } = sections;
        let contract = Self { name, preprocess, postprocess, tiling };
        contract.check()?;
        Ok(contract)
    }

    fn check(&self) -> Result<(), VisionError> {
        if let Some(preprocess) = &self.preprocess {
            preprocess.check()?;
        }
        if let Some(postprocess) = &self.postprocess {
            postprocess.check()?;
        }
        match self.tiling {
            Some(Tiling { multiple: 0, .. }) => Err(invalid("tiling: multiple must be at least 1")),
            Some(tiling) if tiling.overlap.max(tiling.multiple) > crate::MAX_SIDE as usize => {
                Err(invalid("tiling: overlap and multiple are larger than any picture"))
            }
            _ => Ok(()),
        }
    }
}

fn parse<T: for<'a> Deserialize<'a>>(
    json: Option<String>,
    section: &str,
) -> Result<Option<T>, VisionError> {
    let parsed = json.map(|json| serde_json::from_str::<Option<T>>(&json)).transpose();
    parsed.map(Option::flatten).map_err(|error| {
        invalid(format!("the model's {section} cannot be read: {error}")).with_source(error)
    })
}

pub(crate) fn invalid(message: impl Into<String>) -> VisionError {
    VisionError::new(VisionErrorKind::InvalidContract, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::tests::model_with;

    #[test]
    fn a_contract_is_read_with_its_defaults() {
        let model = model_with(&[
            ("oxv.schema_version", "1"),
            ("oxv.name", "denoiser"),
            ("oxv.preprocess", r#"{"color":"bgr","resize":null,"mean":[0.5],"layout":"nhwc"}"#),
            ("oxv.postprocess", r#"{"kind":"image","std":[1,2,3]}"#),
            ("oxv.tiling", r#"{"overlap":9,"multiple":4}"#),
        ]);
        let contract = Contract::from_onnx(&model).unwrap();
        assert_eq!(contract.name.as_deref(), Some("denoiser"));
        assert_eq!(contract.tiling, Some(Tiling { overlap: 9, multiple: 4 }));
        let preprocess = contract.preprocess.unwrap();
        assert_eq!((preprocess.color, preprocess.layout), (Color::Bgr, Layout::Nhwc));
        assert_eq!((preprocess.scale, &preprocess.mean[..]), (1.0 / 255.0, &[0.5][..]));
        let Some(Postprocess::Image(output)) = contract.postprocess else { panic!("an image") };
        assert_eq!(output.std, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn results_are_read_with_their_defaults() {
        let read = |json: &str| {
            let model = model_with(&[("oxv.postprocess", json)]);
            Contract::from_onnx(&model).unwrap().postprocess.unwrap()
        };
        let Postprocess::Classification(classes) = read(r#"{"kind":"classification"}"#) else {
            panic!("classes")
        };
        assert_eq!((classes.top_k, classes.activation), (5, Activation::Softmax));
        let Postprocess::Segmentation(mask) = read(r#"{"kind":"segmentation"}"#) else {
            panic!("a mask")
        };
        assert_eq!((mask.threshold, mask.activation), (0.5, Activation::Sigmoid));
        let json = r#"{"kind":"detection","labels":["a"],"box_format":"cxcywh","box_axis":2}"#;
        let Postprocess::Detection(found) = read(json) else { panic!("boxes") };
        assert_eq!((found.score_threshold, found.iou_threshold), (0.25, Some(0.5)));
        assert_eq!((found.box_format, found.box_axis), (BoxFormat::Cxcywh, 2));
        assert_eq!((found.attributes, found.max_detections), (Attributes::Scores, 100));
        let all = r#"{"kind":"detection","iou_threshold":null}"#;
        let Postprocess::Detection(found) = read(all) else { panic!("boxes") };
        assert_eq!(found.iou_threshold, None);
        assert_eq!(read(r#"{"kind":"raw"}"#), Postprocess::Raw(RawOutput {}));
    }

    #[test]
    fn a_foreign_model_has_an_empty_contract() {
        assert_eq!(Contract::from_onnx(&model_with(&[("x", "y")])).unwrap(), Contract::default());
    }

    #[test]
    fn a_manifest_says_what_metadata_says() {
        let manifest = br#"{"schema_version":1,"name":"denoiser","stages":[],
            "preprocess":{"color":"bgr"},"postprocess":null,"tiling":{"overlap":9,"multiple":4}}"#;
        let contract = Contract::from_manifest(manifest).unwrap();
        assert_eq!(contract.preprocess.unwrap().color, Color::Bgr);
        assert_eq!((contract.postprocess, contract.name), (None, Some("denoiser".into())));
        assert_eq!(contract.tiling, Some(Tiling { overlap: 9, multiple: 4 }));
        for manifest in [&b"{"[..], br#"{"preprocess":{"std":[0]}}"#] {
            let error = Contract::from_manifest(manifest).unwrap_err();
            assert_eq!(error.kind(), VisionErrorKind::InvalidContract);
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let cases = [
            ("oxv.schema_version", "2"),
            ("oxv.preprocess", "{"),
            ("oxv.preprocess", r#"{"colour":"rgb"}"#),
            ("oxv.preprocess", r#"{"mean":[0,0]}"#),
            ("oxv.preprocess", r#"{"std":[0]}"#),
            ("oxv.preprocess", r#"{"color":"gray","std":[1,1,1]}"#),
            ("oxv.preprocess", r#"{"resize":{"width":0,"height":4}}"#),
            ("oxv.preprocess", r#"{"resize":{"width":4,"height":4,"pad":1}}"#),
            ("oxv.preprocess", r#"{"resize":{"width":4,"height":4,"mode":"fit","pad":256}}"#),
            ("oxv.preprocess", r#"{"resize":{"width":4,"height":4,"shorter_side":8}}"#),
            (
                "oxv.preprocess",
                r#"{"resize":{"width":4,"height":9,"mode":"center-crop","shorter_side":8}}"#,
            ),
            ("oxv.postprocess", "{}"),
            ("oxv.postprocess", r#"{"kind":"boxes"}"#),
            ("oxv.postprocess", r#"{"kind":"raw","labels":["a"]}"#),
            ("oxv.postprocess", r#"{"kind":"image","labels":["a"]}"#),
            ("oxv.postprocess", r#"{"kind":"classification","label":["a"]}"#),
            ("oxv.postprocess", r#"{"kind":"classification","labels":[]}"#),
            ("oxv.postprocess", r#"{"kind":"classification","labels":[""]}"#),
            ("oxv.postprocess", r#"{"kind":"classification","labels":"names.txt"}"#),
            ("oxv.postprocess", r#"{"kind":"classification","top_k":0}"#),
            ("oxv.postprocess", r#"{"kind":"classification","activation":"relu"}"#),
            ("oxv.postprocess", r#"{"kind":"segmentation","colors":[]}"#),
            ("oxv.postprocess", r#"{"kind":"segmentation","colors":[[1,2,256]]}"#),
            ("oxv.postprocess", r#"{"kind":"segmentation","activation":"softmax"}"#),
            ("oxv.postprocess", r#"{"kind":"detection","boxes":"b"}"#),
            ("oxv.postprocess", r#"{"kind":"detection","scores":"s"}"#),
            ("oxv.postprocess", r#"{"kind":"detection","classes":"c"}"#),
            (
                "oxv.postprocess",
                r#"{"kind":"detection","predictions":"p","boxes":"b","scores":"s"}"#,
            ),
            ("oxv.postprocess", r#"{"kind":"detection","box_axis":0}"#),
            ("oxv.postprocess", r#"{"kind":"detection","iou_threshold":1.5}"#),
            ("oxv.postprocess", r#"{"kind":"detection","score_threshold":-0.1}"#),
            ("oxv.postprocess", r#"{"kind":"detection","max_detections":0}"#),
            (
                "oxv.postprocess",
                r#"{"kind":"detection","attributes":"score-class","activation":"softmax"}"#,
            ),
            ("oxv.postprocess", r#"{"kind":"image","scale":0}"#),
            ("oxv.tiling", r#"{"overlap":1,"multiple":0}"#),
            ("oxv.tiling", r#"{"overlap":-1,"multiple":1}"#),
        ];
        for (key, value) in cases {
            let error = Contract::from_onnx(&model_with(&[(key, value)])).unwrap_err();
            assert_eq!(error.kind(), VisionErrorKind::InvalidContract, "{key} {value}");
        }
    }
}
