use ndarray::{ArrayView3, Axis, Ix4};
use runner_core::Tensor;

use super::{
    scores::{first_largest, sigmoid},
    values::{check_labels, mismatch, not_finite, single},
};
use crate::{Activation, Layout, Mask, Placement, SegmentationOutput, VisionError};

const MOST_CLASSES: usize = 65_535;

/// The mask at the picture's own size, each pixel the nearest one of the network. Of equal scores
/// the lower class id counts; with one channel class 1 lies above the threshold.
pub(super) fn mask_of(
    tensor: &Tensor,
    contract: &SegmentationOutput,
    placement: &Placement,
) -> Result<Mask, VisionError> {
    let axes = match contract.layout {
        Layout::Nchw => "a segmentation is [1, classes, height, width]",
        Layout::Nhwc => "a segmentation is [1, height, width, classes]",
    };
    let refused = || mismatch(axes, tensor.shape());
    let array = single(tensor).into_dimensionality::<Ix4>().map_err(|_| refused())?;
    if array.len_of(Axis(0)) != 1 || array.is_empty() {
        return Err(refused());
    }
    let array = array.index_axis(Axis(0), 0);
    let scores = match contract.layout {
        Layout::Nchw => array.permuted_axes([1, 2, 0]),
        Layout::Nhwc => array,
    };
    let classes = scores.len_of(Axis(2)).max(2);
    if classes > MOST_CLASSES {
        return Err(mismatch("a mask holds at most 65535 classes", tensor.shape()));
    }
    check_labels(contract.labels.as_deref(), classes)?;
    let colors = contract.colors.as_ref().map_or(classes, Vec::len);
    if colors != classes {
        let wanted = format!("postprocess.colors has {colors} colours for {classes} classes");
        return Err(mismatch(wanted, tensor.shape()));
    }
    if scores.iter().any(|value| !value.is_finite()) {
        return Err(not_finite("which is no score of a class"));
    }
    Ok(at_picture(&scores, classes, contract, placement))
}

/// The network's mask seen from the picture's pixels.
fn at_picture(
    scores: &ArrayView3<f32>,
    classes: usize,
    contract: &SegmentationOutput,
    placement: &Placement,
) -> Mask {
    let (height, width, _) = scores.dim();
    let (rows, columns) = (nearest(placement, 1, height), nearest(placement, 0, width));
    let unseen = if u8::try_from(classes).is_ok() { u16::from(u8::MAX) } else { u16::MAX };
    let mut ids = Vec::with_capacity(rows.len() * columns.len());
    let mut line = vec![0; width];
    let mut last = None;
    for row in rows {
        let Some(row) = row else {
            ids.resize(ids.len() + columns.len(), unseen);
            continue;
        };
        if last != Some(row) {
            let pixels = scores.index_axis(Axis(0), row);
            for (id, pixel) in line.iter_mut().zip(pixels.outer_iter()) {
                *id = class_of(pixel.iter().copied(), contract);
            }
            last = Some(row);
        }
        ids.extend(columns.iter().map(|column| column.map_or(unseen, |column| line[column])));
    }
    let [width, height] = placement.picture;
    let (labels, colors) = (contract.labels.clone(), contract.colors.clone());
    Mask { width, height, ids, unseen, labels, colors }
}

fn class_of(mut scores: impl ExactSizeIterator<Item = f32>, contract: &SegmentationOutput) -> u16 {
    if scores.len() > 1 {
        return first_largest(scores).map_or(0, |(class_id, _)| class_id as u16);
    }
    let value = f64::from(scores.next().unwrap_or_default());
    let sigmoidal = contract.activation == Activation::Sigmoid;
    let score = if sigmoidal { sigmoid(value) } else { value };
    u16::from(score > contract.threshold)
}

/// For every pixel of the picture along an axis: the mask's pixel under its middle, if it has one.
fn nearest(placement: &Placement, axis: usize, length: usize) -> Vec<Option<usize>> {
    let taken = placement.taken[axis] as f64;
    let under = |pixel| {
        let center = placement.center_in_input(axis, pixel);
        let seen = center >= 0.0 && center < taken;
        seen.then(|| ((center * length as f64 / taken) as usize).min(length - 1))
    };
    (0..placement.picture[axis]).map(under).collect()
}
