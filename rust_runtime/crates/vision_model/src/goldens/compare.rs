use std::fmt;

use runner_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

/// What counts as equal to PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    /// The element types differ.
    Dtype {
        /// The program's.
        got: DType,
        /// PyTorch's.
        expected: DType,
    },
    /// One of the two holds NaN or infinity, or nothing at all.
    NotComparable,
    /// There is no such output.
    Missing,
}

impl Difference {
    /// Compares element by element, in double precision.
    pub fn of(got: &Tensor, expected: &Tensor) -> Self {
        if got.shape() != expected.shape() {
            let (got, expected) = (got.shape().to_vec(), expected.shape().to_vec());
            return Self::Shape { got, expected };
        }
        if got.dtype() != expected.dtype() {
            return Self::Dtype { got: got.dtype(), expected: expected.dtype() };
        }
        let (got, expected) = (numbers(got), numbers(expected));
        if got.is_empty() || got.iter().chain(&expected).any(|value| !value.is_finite()) {
            return Self::NotComparable;
        }
        let (mut sum, mut max_error) = (0.0, 0.0_f64);
        let (mut product, mut squares_got, mut squares_expected) = (0.0, 0.0, 0.0);
        for (a, b) in got.iter().zip(&expected) {
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

fn numbers(tensor: &Tensor) -> Vec<f64> {
    match tensor {
        Tensor::F32(array) => array.iter().map(|value| f64::from(*value)).collect(),
        Tensor::F16(array) => array.iter().map(|value| f64::from(*value)).collect(),
        Tensor::F64(array) => array.iter().copied().collect(),
        Tensor::I8(array) => array.iter().map(|value| f64::from(*value)).collect(),
        Tensor::U8(array) => array.iter().map(|value| f64::from(*value)).collect(),
        Tensor::I32(array) => array.iter().map(|value| f64::from(*value)).collect(),
        Tensor::I64(array) => array.iter().map(|value| *value as f64).collect(),
        Tensor::Bool(array) => array.iter().map(|value| f64::from(u8::from(*value))).collect(),
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
            Self::Dtype { got, expected } => write!(f, "holds {got}, expected {expected}"),
            Self::NotComparable => f.write_str("NaN, infinity or nothing at all"),
            Self::Missing => f.write_str("there is no such output"),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    const TOLERANCE: Tolerance = Tolerance { mae: 1e-5, cosine_similarity: 0.999 };

    fn tensor(values: &[f32]) -> Tensor {
        ArrayD::from_shape_vec(IxDyn(&[values.len()]), values.to_vec()).unwrap().into()
    }

    fn passes(got: &[f32], expected: &[f32]) -> bool {
        Difference::of(&tensor(got), &tensor(expected)).is_within(&TOLERANCE)
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
    fn the_element_type_counts() {
        let ones = Tensor::from(ArrayD::<i64>::ones(IxDyn(&[2])));
        assert!(Difference::of(&ones, &ones).is_within(&TOLERANCE));
        let difference = Difference::of(&ones, &tensor(&[1.0, 1.0]));
        assert_eq!(difference, Difference::Dtype { got: DType::I64, expected: DType::F32 });
        assert!(!difference.is_within(&TOLERANCE));
    }

    #[test]
    fn a_tolerance_that_is_no_number_passes_nothing() {
        let same = Difference::of(&tensor(&[1.0]), &tensor(&[1.0]));
        assert!(!same.is_within(&Tolerance { mae: f64::NAN, ..TOLERANCE }));
    }
}
