use std::collections::HashMap;

use super::candidates::Candidate;

/// The rows that stay, at most `most` of them: a box stays unless one of its class that stays
/// before it overlaps it by more than `threshold`, intersection over union. That is torchvision's
/// `batched_nms`, ended early. Candidates come best first and have area.
pub(super) fn suppress(
    candidates: &[Candidate],
    threshold: Option<f64>,
    most: usize,
) -> Vec<usize> {
    let Some(threshold) = threshold else {
        return (0..candidates.len().min(most)).collect();
    };
    let mut kept = Vec::new();
    let mut by_class: HashMap<i64, Vec<usize>> = HashMap::new();
    for (row, candidate) in candidates.iter().enumerate() {
        if kept.len() == most {
            break;
        }
        let rivals = by_class.entry(candidate.class_id).or_default();
        let overlaps =
            |&rival: &usize| overlap(&candidates[rival].bounds, &candidate.bounds) > threshold;
        if !rivals.iter().any(overlaps) {
            rivals.push(row);
            kept.push(row);
        }
    }
    kept
}

fn overlap(first: &[f64; 4], second: &[f64; 4]) -> f64 {
    let side = |axis: usize| {
        let shared = first[axis + 2].min(second[axis + 2]) - first[axis].max(second[axis]);
        shared.max(0.0)
    };
    let area = |bounds: &[f64; 4]| (bounds[2] - bounds[0]) * (bounds[3] - bounds[1]);
    let shared = side(0) * side(1);
    shared / (area(first) + area(second) - shared)
}
