use std::fmt;

use ndarray::ArrayD;
use serde::Deserialize;

/// What counts as equal to PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Tolerance {
    /// The largest mean absolute error.
    pub mae: f64,
    /// The smallest cosine similarity.
    pub cosine_similarity: f64,
}

/// How far an answer is from the one expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Of the same shape and finite throughout.
    Measured {
        /// Mean absolute error.
        mae: f64,
        /// Largest absolute error.
        max_error: f64,
        /// Cosine similarity of the two as vectors; 1 for two that are zero throughout.
        cosine_similarity: f64,
    },
    /// The shapes differ.
    Shape {
        /// The program's.
        got: Vec<usize>,
        /// PyTorch's.
        expected: Vec<usize>,
    },
    /// One of the two holds NaN or infinity, or nothing at all.
    NotComparable,
}

impl Difference {
    /// Compares element by element, in double precision.
    pub fn of(got: &ArrayD<f32>, expected: &ArrayD<f32>) -> Self {
        if got.shape() != expected.shape() {
            let (got, expected) = (got.shape().to_vec(), expected.shape().to_vec());
            return Self::Shape { got, expected };
        }
        if got.is_empty() || got.iter().chain(expected).any(|value| !value.is_finite()) {
            return Self::NotComparable;
        }
        let (mut sum, mut max_error) = (0.0, 0.0_f64);
        let (mut product, mut squares_got, mut squares_expected) = (0.0, 0.0, 0.0);
        for (a, b) in got.iter().zip(expected) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            sum += (a - b).abs();
            max_error = max_error.max((a - b).abs());
            product += a * b;
            squares_got += a * a;
            squares_expected += b * b;
        }
        let norms = f64::sqrt(squares_got * squares_expected);
        let cosine_similarity = if norms > 0.0 {
            product / norms
        } else {
            f64::from(u8::from(squares_got + squares_expected <= 0.0))
        };
        Self::Measured { mae: sum / got.len() as f64, max_error, cosine_similarity }
    }

    /// Whether the answer counts as equal.
    pub fn is_within(&self, tolerance: &Tolerance) -> bool {
        matches!(self, Self::Measured { mae, cosine_similarity, .. }
            if *mae <= tolerance.mae && *cosine_similarity >= tolerance.cosine_similarity)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured { mae, max_error, cosine_similarity } => write!(
                f,
                "MAE {mae:.2e}, largest error {max_error:.2e}, cosine similarity \
                 {cosine_similarity:.7}"
            ),
            Self::Shape { got, expected } => write!(f, "shape {got:?}, expected {expected:?}"),
            Self::NotComparable => f.write_str("NaN, infinity or nothing at all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    const TOLERANCE: Tolerance = Tolerance { mae: 1e-5, cosine_similarity: 0.999 };

    fn array(values: &[f32]) -> ArrayD<f32> {
        ArrayD::from_shape_vec(IxDyn(&[values.len()]), values.to_vec()).unwrap()
    }

    fn passes(got: &[f32], expected: &[f32]) -> bool {
        Difference::of(&array(got), &array(expected)).is_within(&TOLERANCE)
    }

    #[test]
    fn equal_passes_and_unequal_fails() {
        assert!(passes(&[1.0, -2.0], &[1.0, -2.000_001]));
        assert!(passes(&[0.0, 0.0], &[0.0, 0.0]));
        assert!(!passes(&[1.0, -2.0], &[1.0, -2.1]));
        assert!(!passes(&[1e-6, 0.0], &[0.0, 1e-6]), "small, but another direction");
        assert!(!passes(&[0.0], &[1e-6]));
        assert!(!passes(&[f32::NAN], &[f32::NAN]));
        assert!(!passes(&[1.0], &[1.0, 1.0]));
        assert!(!passes(&[], &[]));
    }

    #[test]
    fn a_tolerance_that_is_no_number_passes_nothing() {
        let same = Difference::of(&array(&[1.0]), &array(&[1.0]));
        assert!(!same.is_within(&Tolerance { mae: f64::NAN, ..TOLERANCE }));
    }
}
