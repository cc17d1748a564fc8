use runner_core::Tensor;

/// How far a value may be off: `atol + rtol * |expected|`, as NumPy's `allclose`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Relative to the expected value.
    pub rtol: f64,
    /// Absolute.
    pub atol: f64,
}

/// Half precision has 11 bits: two steps of rounding are 2⁻⁹ of the value, and small results of
/// large terms keep the terms' error.
const HALF: Tolerance = Tolerance { rtol: 4e-3, atol: 1e-3 };

impl Tolerance {
    fn for_type_of(self, tensor: &Tensor) -> Self {
        match tensor {
            Tensor::F16(_) => {
                Self { rtol: self.rtol.max(HALF.rtol), atol: self.atol.max(HALF.atol) }
            }
            _ => self,
        }
    }

    fn allows(self, got: f64, expected: f64) -> bool {
        if got.is_nan() || expected.is_nan() {
            return got.is_nan() && expected.is_nan();
        }
        // A share of infinity would allow anything.
        if got.is_infinite() || expected.is_infinite() {
            return got.total_cmp(&expected).is_eq();
        }
        (got - expected).abs() <= self.atol + self.rtol * expected.abs()
    }
}

/// Compares a tensor with the expected one; element type and shape must be the same.
///
/// # Errors
/// What differs.
pub fn close(got: &Tensor, expected: &Tensor, tolerance: Tolerance) -> Result<(), String> {
    if (got.dtype(), got.shape()) != (expected.dtype(), expected.shape()) {
        let of = |tensor: &Tensor| format!("{} {:?}", tensor.dtype(), tensor.shape());
        return Err(format!("is {}, expected {}", of(got), of(expected)));
    }
    let tolerance = tolerance.for_type_of(expected);
    let pairs = numbers(got).into_iter().zip(numbers(expected));
    let off: Vec<(usize, (f64, f64))> = pairs
        .enumerate()
        .filter(|&(_, (got, expected))| !tolerance.allows(got, expected))
        .collect();
    match off.first() {
        None => Ok(()),
        Some((index, (value, wanted))) => Err(format!(
            "is off in {} of {} values: element {index} is {value}, expected {wanted}",
            off.len(),
            got.len()
        )),
    }
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    match tensor {
        Tensor::F32(array) => array.iter().copied().map(f64::from).collect(),
        Tensor::F16(array) => array.iter().copied().map(f64::from).collect(),
        Tensor::F64(array) => array.iter().copied().collect(),
        Tensor::I8(array) => array.iter().copied().map(f64::from).collect(),
        Tensor::U8(array) => array.iter().copied().map(f64::from).collect(),
        Tensor::I32(array) => array.iter().copied().map(f64::from).collect(),
        Tensor::I64(array) => array.iter().map(|&value| value as f64).collect(),
        Tensor::Bool(array) => array.iter().map(|&value| f64::from(u8::from(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use runner_core::ndarray::{ArrayD, IxDyn};

    use super::*;

    const ONNX: Tolerance = Tolerance { rtol: 1e-3, atol: 1e-7 };

    fn row<T>(values: Vec<T>) -> Tensor
    where
        Tensor: From<ArrayD<T>>,
    {
        ArrayD::from_shape_vec(IxDyn(&[values.len()]), values).unwrap().into()
    }

    fn allowed(got: f32, expected: f32) -> bool {
        close(&row(vec![got]), &row(vec![expected]), ONNX).is_ok()
    }

    #[test]
    fn values_may_be_off_by_their_share_and_no_more() {
        assert!(allowed(1000.9, 1000.0) && !allowed(1001.1, 1000.0));
        assert!(allowed(5e-8, 0.0) && !allowed(2e-7, 0.0));
    }

    #[test]
    fn what_is_no_number_equals_only_itself() {
        assert!(allowed(f32::NAN, f32::NAN) && allowed(f32::INFINITY, f32::INFINITY));
        assert!(!allowed(f32::NAN, 1.0) && !allowed(1.0, f32::NAN));
        assert!(!allowed(f32::INFINITY, f32::NEG_INFINITY) && !allowed(1.0, f32::INFINITY));
    }

    #[test]
    fn shapes_and_types_are_strict() {
        assert!(close(&row(vec![1_i32]), &row(vec![1_i64]), ONNX).is_err());
        assert!(close(&row(vec![1.0_f32; 2]), &row(vec![1.0_f32; 3]), ONNX).is_err());
        assert!(close(&row(vec![true]), &row(vec![false]), ONNX).is_err());
        assert!(close(&row(vec![7_u8]), &row(vec![7_u8]), ONNX).is_ok());
    }
}
