use ndarray::{Array2, ArrayView1, Axis, Ix2, s};
use runner_core::{NamedTensors, Tensor};

use super::{
    scores::{activate, first_largest, sigmoid},
    values::{check_finite, check_labels, double, mismatch, named, only},
};
use crate::{Activation, Attributes, DetectionOutput, VisionError, VisionErrorKind};

const NO_SCORE: &str = "which is no score of a box";

/// A box as the network gives it, with its best class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) bounds: [f64; 4],
    pub(super) score: f64,
    pub(super) class_id: i64,
}

/// Every box of the outputs; what is background scores minus infinity.
pub(super) fn candidates_of(
    outputs: &NamedTensors,
    contract: &DetectionOutput,
) -> Result<Vec<Candidate>, VisionError> {
    let (Some(boxes), Some(scores)) = (&contract.boxes, &contract.scores) else {
        return from_one(outputs, contract);
    };
    let boxes_given = named(outputs, boxes, "boxes")?;
    let boxes = rows(boxes_given, contract, "boxes are [1, boxes, 4]")?;
    if boxes.ncols() != 4 {
        return Err(mismatch("boxes have 4 numbers each", boxes_given.shape()));
    }
    let given = named(outputs, scores, "scores")?;
    let scores = score_rows(given, boxes_given.shape().len(), contract)?;
    if scores.nrows() != boxes.nrows() {
        let (boxes, scores) = (boxes.nrows(), scores.nrows());
        let message = format!("the outputs hold {boxes} boxes and {scores} scores");
        return Err(VisionError::new(VisionErrorKind::ShapeMismatch, message));
    }
    let Some(name) = &contract.classes else {
        return best_classes(&boxes, &scores, None, contract);
    };
    let classes = named(outputs, name, "classes")?;
    if scores.ncols() != 1 || classes.shape() != given.shape() {
        let wanted = format!("scores and classes are one a box: scores {:?}", given.shape());
        return Err(mismatch(wanted, classes.shape()));
    }
    let classes: Vec<f64> = double(classes).iter().copied().collect();
    of_classes(&boxes, &scores.column(0), &ArrayView1::from(&classes), contract)
}

fn from_one(
    outputs: &NamedTensors,
    contract: &DetectionOutput,
) -> Result<Vec<Candidate>, VisionError> {
    let tensor = match &contract.predictions {
        Some(name) => named(outputs, name, "predictions")?,
        None => only(outputs)?,
    };
    let wanted = "predictions are [1, boxes, 4 numbers of a box and its scores]";
    let rows = rows(tensor, contract, wanted)?;
    let columns = rows.ncols();
    let (wanted, fits) = match contract.attributes {
        Attributes::Scores => ("at least 5", columns >= 5),
        Attributes::ObjectnessScores => ("at least 6", columns >= 6),
        Attributes::ScoreClass => ("exactly 6", columns == 6),
    };
    if !fits {
        let wanted = format!("with these attributes a box has {wanted} numbers");
        return Err(mismatch(wanted, tensor.shape()));
    }
    let boxes = rows.slice(s![.., ..4]).to_owned();
    let rest = rows.slice(s![.., 4..]);
    check_finite(rest.iter(), NO_SCORE)?;
    match contract.attributes {
        Attributes::Scores => best_classes(&boxes, &rest.to_owned(), None, contract),
        Attributes::ScoreClass => of_classes(&boxes, &rest.column(0), &rest.column(1), contract),
        Attributes::ObjectnessScores => {
            let scores = rest.slice(s![.., 1..]).to_owned();
            best_classes(&boxes, &scores, Some(rest.column(0)), contract)
        }
    }
}

/// `[boxes, attributes]`, whether or not there is a batch axis of 1.
fn rows(
    tensor: &Tensor,
    contract: &DetectionOutput,
    wanted: &str,
) -> Result<Array2<f64>, VisionError> {
    let refused = || mismatch(wanted, tensor.shape());
    let mut array = double(tensor);
    if array.ndim() == 3 && array.len_of(Axis(0)) == 1 {
        array.index_axis_inplace(Axis(0), 0);
    }
    let array = array.into_dimensionality::<Ix2>().map_err(|_| refused())?;
    Ok(if contract.box_axis == 2 { array.reversed_axes() } else { array })
}

/// `[boxes, 1]` or `[boxes, classes]`: with a batch axis where the boxes have one.
fn score_rows(
    tensor: &Tensor,
    rank_of_boxes: usize,
    contract: &DetectionOutput,
) -> Result<Array2<f64>, VisionError> {
    let shape = tensor.shape();
    let scores = if shape.len() == rank_of_boxes {
        rows(tensor, contract, "scores are [1, boxes, classes]")?
    } else {
        let one_a_box = match shape {
            [_] => rank_of_boxes == 2,
            [1, _] => rank_of_boxes == 3,
            _ => false,
        };
        if !one_a_box {
            return Err(mismatch("scores are [1, boxes] or [1, boxes, classes]", shape));
        }
        let values: Vec<f64> = double(tensor).iter().copied().collect();
        Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row])
    };
    check_finite(&scores, NO_SCORE)?;
    Ok(scores)
}

/// Of equal scores the lower class id counts.
fn best_classes(
    boxes: &Array2<f64>,
    values: &Array2<f64>,
    objectness: Option<ArrayView1<f64>>,
    contract: &DetectionOutput,
) -> Result<Vec<Candidate>, VisionError> {
    check_labels(contract.labels.as_deref(), values.ncols())?;
    let mut scores = vec![0.0; values.ncols()];
    let mut best = |row: usize| {
        scores.iter_mut().zip(values.row(row)).for_each(|(score, value)| *score = *value);
        activate(&mut scores, contract.activation);
        if let Some(objectness) = objectness {
            let gate = gated(objectness[row], contract);
            for score in &mut scores {
                *score *= gate;
            }
        }
        if let Some(score) = contract.background.and_then(|class_id| scores.get_mut(class_id)) {
            *score = f64::NEG_INFINITY;
        }
        let (class_id, score) = first_largest(scores.iter().copied()).unwrap_or_default();
        Candidate {
            bounds: bounds_of(&boxes.row(row)),
            score,
            class_id: class_id.cast_signed() as i64,
        }
    };
    Ok((0..boxes.nrows()).map(&mut best).collect())
}

fn gated(objectness: f64, contract: &DetectionOutput) -> f64 {
    if contract.activation == Activation::None { objectness } else { sigmoid(objectness) }
}

fn of_classes(
    boxes: &Array2<f64>,
    scores: &ArrayView1<f64>,
    classes: &ArrayView1<f64>,
    contract: &DetectionOutput,
) -> Result<Vec<Candidate>, VisionError> {
    check_finite(classes.iter(), "which is no class")?;
    let candidate = |row: usize| {
        let mut score = [scores[row]];
        activate(&mut score, contract.activation);
        let class_id = classes[row].round_ties_even() as i64;
        let background = contract.background.and_then(|class_id| i64::try_from(class_id).ok());
        let score = if background == Some(class_id) { f64::NEG_INFINITY } else { score[0] };
        Candidate { bounds: bounds_of(&boxes.row(row)), score, class_id }
    };
    Ok((0..boxes.nrows()).map(candidate).collect())
}

fn bounds_of(row: &ArrayView1<f64>) -> [f64; 4] {
    std::array::from_fn(|index| row[index])
}
