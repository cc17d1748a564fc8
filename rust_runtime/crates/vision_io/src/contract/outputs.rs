use serde::{Deserialize, Serialize};

use crate::{
    VisionError,
    contract::{ImageOutput, Layout, invalid, pixels::Constants},
};

/// What the model's outputs are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Postprocess {
    /// A picture.
    Image(ImageOutput),
    /// Scores of classes.
    Classification(ClassificationOutput),
    /// Scores of the classes of every pixel.
    Segmentation(SegmentationOutput),
    /// Boxes with scores.
    Detection(DetectionOutput),
    /// Numbers.
    Raw(RawOutput),
}

/// What makes scores of a network's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// They are scores.
    #[default]
    None,
    /// Each on its own.
    Sigmoid,
    /// All classes against each other.
    Softmax,
}

/// `[1, classes]` as the best classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassificationOutput {
    /// The classes' names in order.
    #[serde(default)]
    pub labels: Option<Vec<String>>,
    /// How many are given.
    #[serde(default = "five")]
    pub top_k: usize,
    /// What makes scores of the output.
    #[serde(default = "softmax")]
    pub activation: Activation,
}

/// `[1, classes, height, width]` as a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentationOutput {
    /// The classes' names in order.
    #[serde(default)]
    pub labels: Option<Vec<String>>,
    /// Red, green, blue of each class in the mask's file.
    #[serde(default)]
    pub colors: Option<Vec<[u8; 3]>>,
    /// With one channel: class 1 lies above.
    #[serde(default = "half")]
    pub threshold: f64,
    /// With one channel: applied before the threshold.
    #[serde(default = "sigmoid")]
    pub activation: Activation,
    /// Axes of the tensor.
    #[serde(default)]
    pub layout: Layout,
}

/// How four numbers are a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoxFormat {
    /// Left, top, right, bottom.
    #[default]
    Xyxy,
    /// Left, top, width, height.
    Xywh,
    /// Centre, width, height.
    Cxcywh,
}

/// What follows the box where one output holds everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attributes {
    /// A score for every class.
    #[default]
    Scores,
    /// Objectness, then a score for every class.
    ObjectnessScores,
    /// One score, then the class.
    ScoreClass,
}

/// Boxes with scores, in one output or in one each. Without names the model's only output holds
/// everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionOutput {
    /// The classes' names in order.
    #[serde(default)]
    pub labels: Option<Vec<String>>,
    /// Name of the output that holds boxes and scores in one.
    #[serde(default)]
    pub predictions: Option<String>,
    /// Name of the output that holds boxes.
    #[serde(default)]
    pub boxes: Option<String>,
    /// Name of the output that holds scores: one a box, or one for each of its classes.
    #[serde(default)]
    pub scores: Option<String>,
    /// Name of the output that holds the class of each box.
    #[serde(default)]
    pub classes: Option<String>,
    /// What follows the box in `predictions`.
    #[serde(default)]
    pub attributes: Attributes,
    /// The axis that counts boxes: 1 in `[1, boxes, attributes]`, 2 in `[1, attributes, boxes]`.
    #[serde(default = "first")]
    pub box_axis: usize,
    /// How four numbers are a box.
    #[serde(default)]
    pub box_format: BoxFormat,
    /// Whether boxes are parts of the input's sides and not its pixels.
    #[serde(default)]
    pub normalized: bool,
    /// What makes scores of the output.
    #[serde(default)]
    pub activation: Activation,
    /// The class that means nothing is there.
    #[serde(default)]
    pub background: Option<usize>,
    /// Boxes must score more.
    #[serde(default = "quarter")]
    pub score_threshold: f64,
    /// Of two boxes of a class that overlap by more the better stays; `None` keeps all.
    #[serde(default = "half_overlap")]
    pub iou_threshold: Option<f64>,
    /// How many of the best are given.
    #[serde(default = "hundred")]
    pub max_detections: usize,
}

/// Numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawOutput {}

impl Postprocess {
    pub(crate) fn check(&self) -> Result<(), VisionError> {
        match self {
            Self::Image(output) => Constants::of_output(output).check("postprocess"),
            Self::Classification(output) => {
                check_labels(output.labels.as_deref())?;
                at_least_one("top_k", output.top_k)
            }
            Self::Segmentation(output) => output.check(),
            Self::Detection(output) => output.check(),
            Self::Raw(_) => Ok(()),
        }
    }

    /// The names of the classes, where there are classes and they have names.
    pub fn labels(&self) -> Option<&[String]> {
        match self {
            Self::Classification(output) => output.labels.as_deref(),
            Self::Segmentation(output) => output.labels.as_deref(),
            Self::Detection(output) => output.labels.as_deref(),
            Self::Image(_) | Self::Raw(_) => None,
        }
    }
}

impl SegmentationOutput {
    fn check(&self) -> Result<(), VisionError> {
        check_labels(self.labels.as_deref())?;
        let colors = self.colors.as_ref().map_or(1, Vec::len);
        if colors == 0 || colors > usize::from(u8::MAX) {
            return Err(invalid("postprocess: colors are one a class, of 1 to 255"));
        }
        if self.activation == Activation::Softmax {
            return Err(invalid("postprocess: activation of a segmentation is none or sigmoid"));
        }
        if self.threshold.is_finite() {
            return Ok(());
        }
        Err(invalid("postprocess: threshold must be finite"))
    }
}

impl DetectionOutput {
    fn check(&self) -> Result<(), VisionError> {
        check_labels(self.labels.as_deref())?;
        at_least_one("max_detections", self.max_detections)?;
        if ![1, 2].contains(&self.box_axis) {
            return Err(invalid("postprocess: box_axis must be 1 or 2"));
        }
        let shares = [Some(self.score_threshold), self.iou_threshold];
        if shares.into_iter().flatten().any(|share| !(0.0..=1.0).contains(&share)) {
            return Err(invalid("postprocess: thresholds of a detection are 0 to 1"));
        }
        let single = self.classes.is_some() || self.attributes == Attributes::ScoreClass;
        if self.activation == Activation::Softmax && single {
            return Err(invalid("postprocess: softmax needs a score for every class"));
        }
        self.check_names()
    }

    fn check_names(&self) -> Result<(), VisionError> {
        if self.boxes.is_some() && self.predictions.is_some() {
            return Err(invalid(
                "postprocess: predictions already names the output with the boxes",
            ));
        }
        if self.boxes.is_some() != self.scores.is_some() {
            return Err(invalid("postprocess: boxes and scores are named together"));
        }
        if self.classes.is_some() && self.scores.is_none() {
            return Err(invalid("postprocess: classes are named together with boxes and scores"));
        }
        Ok(())
    }
}

fn check_labels(labels: Option<&[String]>) -> Result<(), VisionError> {
    let named = |labels: &[String]| !labels.is_empty() && !labels.iter().any(String::is_empty);
    if labels.is_none_or(named) {
        return Ok(());
    }
    Err(invalid("postprocess: labels must be names that are not empty"))
}

fn at_least_one(name: &str, number: usize) -> Result<(), VisionError> {
    if number > 0 {
        return Ok(());
    }
    Err(invalid(format!("postprocess: {name} must be at least 1")))
}

fn softmax() -> Activation {
    Activation::Softmax
}

fn sigmoid() -> Activation {
    Activation::Sigmoid
}

fn first() -> usize {
    1
}

fn five() -> usize {
    5
}

fn hundred() -> usize {
    100
}

fn quarter() -> f64 {
    0.25
}

fn half() -> f64 {
    0.5
}

// serde wants the field's own type.
#[allow(clippy::unnecessary_wraps)]
fn half_overlap() -> Option<f64> {
    Some(half())
}
