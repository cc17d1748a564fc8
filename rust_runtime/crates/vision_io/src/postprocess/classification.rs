use ndarray::Ix2;
use runner_core::Tensor;

use super::{
    scores::activate,
    values::{check_finite, check_labels, double, mismatch},
};
use crate::{Classification, ClassificationOutput, ScoredClass, VisionError};

/// The best classes of `[1, classes]`; of equal scores the lower class id comes first.
pub(super) fn classes_of(
    tensor: &Tensor,
    contract: &ClassificationOutput,
) -> Result<Classification, VisionError> {
    let refused = || mismatch("a classification is [1, classes]", tensor.shape());
    let values = double(tensor).into_dimensionality::<Ix2>().map_err(|_| refused())?;
    if values.nrows() != 1 || values.ncols() == 0 {
        return Err(refused());
    }
    check_labels(contract.labels.as_deref(), values.ncols())?;
    check_finite(&values, "which is no score of a class")?;
    let mut scores: Vec<f64> = values.iter().copied().collect();
    activate(&mut scores, contract.activation);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&left, &right| scores[right].total_cmp(&scores[left]));
    let best = order.into_iter().take(contract.top_k).map(|class_id| ScoredClass {
        class_id,
        label: contract.labels.as_ref().map(|labels| labels[class_id].clone()),
        score: scores[class_id],
    });
    Ok(Classification { classes: best.collect() })
}
