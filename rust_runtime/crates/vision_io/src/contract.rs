use serde::{Deserialize, Serialize};

use crate::{VisionError, VisionErrorKind, metadata::metadata_props};

const SCHEMA_VERSION: &str = "1";

/// Order and number of a tensor's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// One channel of brightness.
    Gray,
}

impl Color {
    /// 1 or 3.
    pub fn channels(self) -> usize {
        if self == Self::Gray { 1 } else { 3 }
    }
}

/// Order of a tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, channel, row, column.
    #[default]
    Nchw,
    /// Batch, row, column, channel.
    Nhwc,
}

/// How a picture of another shape is brought to the size wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Each side on its own.
    #[default]
    Stretch,
    /// The whole picture in its proportions, centred on black.
    Fit,
    /// The middle of the picture in its proportions, filling the size.
    CenterCrop,
}

/// The resampling filter; each is Pillow's filter of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Filter {
    Nearest,
    Box,
    #[default]
    Bilinear,
    Hamming,
    Bicubic,
    Lanczos,
}

/// A fixed size that pictures are brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// What happens to the proportions.
    #[serde(default)]
    pub mode: Mode,
    /// The resampling filter.
    #[serde(default)]
    pub filter: Filter,
    /// Whether the filter widens with the reduction, as Pillow's does.
    #[serde(default = "yes")]
    pub antialias: bool,
}

/// How a picture becomes a tensor: `value = (pixel * scale - mean) / std`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Channels of the tensor.
    #[serde(default)]
    pub color: Color,
    /// A fixed size, or the picture's own.
    #[serde(default)]
    pub resize: Option<Resize>,
    /// Factor on pixels of 0 to 255.
    #[serde(default = "one_255th")]
    pub scale: f64,
    /// Taken off, one for each channel or one for all.
    #[serde(default = "zeros")]
    pub mean: Vec<f64>,
    /// Divided by, one for each channel or one for all.
    #[serde(default = "ones")]
    pub std: Vec<f64>,
    /// Axes of the tensor.
    #[serde(default)]
    pub layout: Layout,
}

/// How a tensor becomes a picture: `pixel = (value * std + mean) / scale`, rounded, 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageOutput {
    /// Channels of the tensor.
    #[serde(default)]
    pub color: Color,
    /// As in [`Preprocess::scale`].
    #[serde(default = "one_255th")]
    pub scale: f64,
    /// As in [`Preprocess::mean`].
    #[serde(default = "zeros")]
    pub mean: Vec<f64>,
    /// As in [`Preprocess::std`].
    #[serde(default = "ones")]
    pub std: Vec<f64>,
    /// Axes of the tensor.
    #[serde(default)]
    pub layout: Layout,
}

/// What the model's output is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Postprocess {
    /// A picture.
    Image(ImageOutput),
    /// Numbers.
    Raw,
}

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

    fn check(&self) -> Result<(), VisionError> {
        if let Some(preprocess) = &self.preprocess {
            preprocess.check()?;
        }
        if let Some(Postprocess::Image(output)) = &self.postprocess {
            Constants::of_output(output).check("postprocess")?;
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

impl Preprocess {
    fn check(&self) -> Result<(), VisionError> {
        Constants::of_input(self).check("preprocess")?;
        let Some(resize) = &self.resize else { return Ok(()) };
        let sides = 1..=crate::MAX_SIDE as usize;
        if !sides.contains(&resize.width) || !sides.contains(&resize.height) {
            return Err(invalid(format!(
                "preprocess: resize to {} x {} is not possible",
                resize.width, resize.height
            )));
        }
        if !resize.antialias && resize.filter != Filter::Nearest {
            return Err(invalid(
                "preprocess: resize without antialias is not supported; set antialias to true",
            ));
        }
        Ok(())
    }
}

/// The numbers that preprocess and postprocess share, with the number of channels.
pub(crate) struct Constants<'a> {
    channels: usize,
    scale: f64,
    mean: &'a [f64],
    std: &'a [f64],
}

impl<'a> Constants<'a> {
    pub(crate) fn of_input(input: &'a Preprocess) -> Self {
        let channels = input.color.channels();
        Self { channels, scale: input.scale, mean: &input.mean, std: &input.std }
    }

    pub(crate) fn of_output(output: &'a ImageOutput) -> Self {
        let channels = output.color.channels();
        Self { channels, scale: output.scale, mean: &output.mean, std: &output.std }
    }

    /// Scale, mean and std of a channel of the tensor.
    pub(crate) fn of_channel(&self, channel: usize) -> (f64, f64, f64) {
        let of = |values: &[f64]| values.get(channel).or(values.first()).copied();
        (self.scale, of(self.mean).unwrap_or(0.0), of(self.std).unwrap_or(1.0))
    }

    pub(crate) fn check(&self, section: &str) -> Result<(), VisionError> {
        for (name, values) in [("mean", self.mean), ("std", self.std)] {
            if ![1, self.channels].contains(&values.len()) {
                return Err(invalid(format!(
                    "{section}: {name} has {} values; expected 1 or {}",
                    values.len(),
                    self.channels
                )));
            }
        }
        let numbers = [self.mean, self.std, &[self.scale]].concat();
        let divides = self.std.iter().chain([&self.scale]).all(|number| *number != 0.0);
        if divides && numbers.iter().all(|number| number.is_finite()) {
            return Ok(());
        }
        Err(invalid(format!("{section}: scale and std must not be 0, and all must be finite")))
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

fn invalid(message: impl Into<String>) -> VisionError {
    VisionError::new(VisionErrorKind::InvalidContract, message)
}

fn yes() -> bool {
    true
}

fn one_255th() -> f64 {
    1.0 / 255.0
}

fn zeros() -> Vec<f64> {
    vec![0.0]
}

fn ones() -> Vec<f64> {
    vec![1.0]
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
    fn a_foreign_model_has_an_empty_contract() {
        assert_eq!(Contract::from_onnx(&model_with(&[("x", "y")])).unwrap(), Contract::default());
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
            ("oxv.preprocess", r#"{"resize":{"width":4,"height":4,"antialias":false}}"#),
            ("oxv.postprocess", r#"{"kind":"detection"}"#),
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
