//! Tensors as the raw bytes that `trtexec` reads and writes: row-major, little-endian.

use ndarray::{ArrayD, IxDyn};
use runner_core::{DType, Tensor, f16};

/// Element type of a binding of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binding(DType);

impl Binding {
    /// The binding that carries values of `dtype`. Before 9.0, the parser of ONNX made 32-bit
    /// bindings of 64-bit integers.
    pub(crate) fn of(dtype: DType, wide_integers: bool) -> Self {
        match dtype {
            DType::I64 if !wide_integers => Self(DType::I32),
            other => Self(other),
        }
    }

    /// Reads the name that stands in the name of a raw file; 8.6 spells it another way.
    pub(crate) fn named(label: &str) -> Option<Self> {
        Some(Self(match label {
            "fp32" | "Float" => DType::F32,
            "fp16" | "Half" => DType::F16,
            "int8" | "Int8" => DType::I8,
            "uint8" | "UInt8" => DType::U8,
            "int32" | "Int32" => DType::I32,
            "int64" | "Int64" => DType::I64,
            "bool" | "Bool" => DType::Bool,
            _ => return None,
        }))
    }

    pub(crate) fn dtype(self) -> DType {
        self.0
    }
}

/// Whether values of this type go in and come out; the crate's documentation says why not.
pub(crate) fn takes(dtype: DType) -> bool {
    !matches!(dtype, DType::F64 | DType::I8)
}

/// The bytes of an input.
///
/// # Errors
/// A value that the binding cannot hold.
pub(crate) fn bytes_of(tensor: &Tensor, binding: Binding) -> Result<Vec<u8>, String> {
    fn all<T: Copy, const N: usize>(array: &ArrayD<T>, bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
        array.iter().flat_map(|&value| bytes(value)).collect()
    }
    Ok(match (tensor, binding.0) {
        (Tensor::I64(array), DType::I32) => {
            let beyond = array.iter().find(|&&value| i32::try_from(value).is_err());
            if let Some(value) = beyond {
                return Err(format!("{value} does not fit the 32-bit integers of TensorRT 8.6"));
            }
            all(array, |value| (value as i32).to_le_bytes())
        }
        (tensor, dtype) if tensor.dtype() != dtype => {
            return Err(format!("{} does not cross as {dtype}", tensor.dtype()));
        }
        (Tensor::F32(array), _) => all(array, f32::to_le_bytes),
        (Tensor::F16(array), _) => all(array, f16::to_le_bytes),
        (Tensor::F64(array), _) => all(array, f64::to_le_bytes),
        (Tensor::I8(array), _) => all(array, i8::to_le_bytes),
        (Tensor::U8(array), _) => all(array, u8::to_le_bytes),
        (Tensor::I32(array), _) => all(array, i32::to_le_bytes),
        (Tensor::I64(array), _) => all(array, i64::to_le_bytes),
        (Tensor::Bool(array), _) => all(array, |value| [u8::from(value)]),
    })
}

/// An output, as the element type that the model declares.
///
/// # Errors
/// What keeps the bytes from being that tensor.
pub(crate) fn tensor_of(
    bytes: &[u8],
    binding: Binding,
    declared: DType,
    shape: &[usize],
) -> Result<Tensor, String> {
    let given = binding.0;
    let tensor = Tensor::from_le_bytes(given, shape, bytes).ok_or_else(|| {
        let length = bytes.len();
        format!(
            "of shape {shape:?} came as {length} bytes; outputs whose shape depends on values \
             cannot be read"
        )
    })?;
    match tensor {
        tensor if given == declared => Ok(tensor),
        Tensor::I32(array) if declared == DType::I64 => Ok(array.mapv(i64::from).into()),
        _ => Err(format!("is {given} in the engine, the model declares {declared}")),
    }
}

/// A tensor of zeros.
pub(crate) fn zeros(dtype: DType, shape: &[usize]) -> Tensor {
    let shape = IxDyn(shape);
    match dtype {
        DType::F32 => ArrayD::<f32>::zeros(shape).into(),
        DType::F16 => ArrayD::from_elem(shape, f16::ZERO).into(),
        DType::F64 => ArrayD::<f64>::zeros(shape).into(),
        DType::I8 => ArrayD::<i8>::zeros(shape).into(),
        DType::U8 => ArrayD::<u8>::zeros(shape).into(),
        DType::I32 => ArrayD::<i32>::zeros(shape).into(),
        DType::I64 => ArrayD::<i64>::zeros(shape).into(),
        DType::Bool => ArrayD::from_elem(shape, false).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_taken_comes_back_as_itself() {
        for dtype in DType::ALL.into_iter().filter(|&dtype| takes(dtype)) {
            for wide in [false, true] {
                let binding = Binding::of(dtype, wide);
                let tensor = zeros(dtype, &[2, 3]);
                let bytes = bytes_of(&tensor, binding).unwrap();
                assert_eq!(tensor_of(&bytes, binding, dtype, &[2, 3]).unwrap(), tensor, "{dtype}");
            }
        }
    }

    #[test]
    fn not_a_number_keeps_its_bits_and_order_is_that_of_the_axes() {
        let bits = [0x7fc0_0001_u32, 0xffc0_0000, 0x7f80_0000, 1];
        let values: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
        let array = ArrayD::from_shape_vec(IxDyn(&[2, 2]), values).unwrap();
        let turned = array.clone().reversed_axes();
        let binding = Binding::of(DType::F32, true);
        let bytes = bytes_of(&turned.into(), binding).unwrap();
        assert_eq!(bytes[4..8], bits[2].to_le_bytes());
        let Tensor::F32(back) = tensor_of(&bytes, binding, DType::F32, &[2, 2]).unwrap() else {
            panic!("not f32");
        };
        assert_eq!(back[[0, 0]].to_bits(), bits[0]);
    }

    #[test]
    fn wide_integers_cross_as_narrow_ones_only_where_they_fit() {
        let narrow = Binding::of(DType::I64, false);
        let tensor = |value: i64| Tensor::from(ArrayD::from_elem(IxDyn(&[1]), value));
        let bytes = bytes_of(&tensor(-5), narrow).unwrap();
        assert_eq!(bytes.len(), 4);
        assert_eq!(tensor_of(&bytes, narrow, DType::I64, &[1]).unwrap(), tensor(-5));
        let error = bytes_of(&tensor(1 << 40), narrow).unwrap_err();
        assert!(error.contains("1099511627776"), "{error}");
    }

    #[test]
    fn bytes_of_another_type_or_length_are_refused() {
        let floats = Binding::named("Float").unwrap();
        assert!(tensor_of(&[0; 8], floats, DType::I32, &[2]).unwrap_err().contains("declares i32"));
        for (length, shape) in [(8, vec![3]), (7, vec![2]), (0, vec![usize::MAX, 2])] {
            assert!(tensor_of(&vec![0; length], floats, DType::F32, &shape).is_err());
        }
        assert_eq!(Binding::named("fp8"), None);
    }
}
