use runner_core::NamedTensors;

use super::{
    candidates::{Candidate, candidates_of},
    suppression::suppress,
    values::check_finite,
};
use crate::{
    BoxFormat, Detection, DetectionOutput, Detections, Placement, VisionError, VisionErrorKind,
};

/// The best boxes, in this order of work: those that score more than the threshold in their best
/// class are brought to the picture's pixels and cut at its borders; those without area are left
/// out; of two of a class that overlap too much the better stays; the best are given.
pub(super) fn detections_of(
    outputs: &NamedTensors,
    contract: &DetectionOutput,
    placement: &Placement,
) -> Result<Detections, VisionError> {
    let mut found = candidates_of(outputs, contract)?;
    found.retain(|candidate| candidate.score > contract.score_threshold);
    check_finite(found.iter().flat_map(|candidate| &candidate.bounds), "which is no box")?;
    for candidate in &mut found {
        candidate.bounds = in_picture(corners(candidate.bounds, contract, placement), placement);
    }
    found.retain(|candidate| {
        let [left, top, right, bottom] = candidate.bounds;
        right > left && bottom > top
    });
    found.sort_by(|left, right| right.score.total_cmp(&left.score));
    let kept = suppress(&found, contract.iou_threshold, contract.max_detections);
    let detections = kept.into_iter().map(|row| detection(&found[row], contract.labels.as_deref()));
    let [width, height] = placement.picture;
    Ok(Detections { width, height, detections: detections.collect::<Result<_, _>>()? })
}

/// Left, top, right, bottom in pixels of the network's input.
fn corners(bounds: [f64; 4], contract: &DetectionOutput, placement: &Placement) -> [f64; 4] {
    let [width, height] = placement.taken.map(|side| side as f64);
    let unit = if contract.normalized { [width, height, width, height] } else { [1.0; 4] };
    let scaled: [f64; 4] = std::array::from_fn(|index| bounds[index] * unit[index]);
    let [x, y, third, fourth] = scaled;
    match contract.box_format {
        BoxFormat::Xyxy => scaled,
        BoxFormat::Xywh => [x, y, x + third, y + fourth],
        BoxFormat::Cxcywh => [x - third / 2.0, y - fourth / 2.0, x + third / 2.0, y + fourth / 2.0],
    }
}

fn in_picture(corners: [f64; 4], placement: &Placement) -> [f64; 4] {
    std::array::from_fn(|index| {
        let axis = index % 2;
        let place = placement.to_picture(axis, corners[index]);
        place.clamp(0.0, placement.picture[axis] as f64)
    })
}

fn detection(candidate: &Candidate, labels: Option<&[String]>) -> Result<Detection, VisionError> {
    let Candidate { bounds, score, class_id } = *candidate;
    let refused = || {
        let named = labels.map(|labels| format!(", postprocess.labels names {}", labels.len()));
        let message = format!("the output holds class {class_id}{}", named.unwrap_or_default());
        VisionError::new(VisionErrorKind::ShapeMismatch, message)
    };
    let class_id = usize::try_from(class_id).map_err(|_| refused())?;
    let label = match labels {
        Some(labels) => Some(labels.get(class_id).ok_or_else(refused)?.clone()),
        None => None,
    };
    Ok(Detection { bounds, score, class_id, label })
}
