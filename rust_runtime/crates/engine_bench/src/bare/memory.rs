//! Tensors as the bytes that engines exchange.

use std::slice;

use runner_core::{
    DType, Tensor, f16,
    ndarray::{ArrayD, IxDyn},
};

/// The elements in row-major order, as they lie in memory.
pub(super) fn bytes_of(tensor: &Tensor) -> Result<&[u8], String> {
    fn raw<T>(array: &ArrayD<T>) -> Result<&[u8], String> {
        let elements = array.as_slice().ok_or("an input is not row-major")?;
        // SAFETY: the slice is initialised memory of numbers or booleans without padding, and the
        // bytes are borrowed for as long as it is.
        Ok(unsafe { slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) })
    }
    match tensor {
        Tensor::F32(array) => raw(array),
        Tensor::F16(array) => raw(array),
        Tensor::F64(array) => raw(array),
        Tensor::I8(array) => raw(array),
        Tensor::U8(array) => raw(array),
        Tensor::I32(array) => raw(array),
        Tensor::I64(array) => raw(array),
        Tensor::Bool(array) => raw(array),
    }
}

/// The lengths of axes as C interfaces count them.
pub(super) fn lengths_of(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&length| i64::try_from(length).unwrap_or(i64::MAX)).collect()
}

/// A tensor that `fill` writes into memory of its size.
pub(super) fn filled(
    dtype: DType,
    shape: &[usize],
    fill: impl FnOnce(&mut [u8]) -> Result<(), String>,
) -> Result<Tensor, String> {
    /// # Safety
    /// Every pattern of bits must be a value of `T`.
    unsafe fn array<T: Clone + Default>(
        shape: &[usize],
        fill: impl FnOnce(&mut [u8]) -> Result<(), String>,
    ) -> Result<ArrayD<T>, String> {
        let mut elements = vec![T::default(); shape.iter().product()];
        let size = size_of_val(&elements[..]);
        // SAFETY: the memory is the vector's own and initialised; the caller vouches for `T`.
        let bytes = unsafe { slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), size) };
        fill(bytes)?;
        ArrayD::from_shape_vec(IxDyn(shape), elements).map_err(|error| error.to_string())
    }
    // SAFETY: of the types below every pattern of bits is a value; booleans are read as bytes.
    unsafe {
        Ok(match dtype {
            DType::F32 => array::<f32>(shape, fill)?.into(),
            DType::F16 => array::<f16>(shape, fill)?.into(),
            DType::F64 => array::<f64>(shape, fill)?.into(),
            DType::I8 => array::<i8>(shape, fill)?.into(),
            DType::U8 => array::<u8>(shape, fill)?.into(),
            DType::I32 => array::<i32>(shape, fill)?.into(),
            DType::I64 => array::<i64>(shape, fill)?.into(),
            DType::Bool => array::<u8>(shape, fill)?.mapv(|byte| byte != 0).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_every_type_survive_the_way_through_bytes() {
        let bits = ArrayD::from_shape_vec(IxDyn(&[2, 2]), vec![true, false, false, true]);
        let bits = bits.unwrap();
        let tensors: [Tensor; 4] = [
            bits.mapv(|bit| if bit { -1.5_f32 } else { 2.0 }).into(),
            bits.mapv(|bit| f16::from_f32(if bit { 0.5 } else { 3.0 })).into(),
            bits.mapv(|bit| if bit { i64::MIN } else { 7 }).into(),
            bits.into(),
        ];
        for tensor in tensors {
            let bytes = bytes_of(&tensor).unwrap();
            let copy = filled(tensor.dtype(), tensor.shape(), |memory| {
                memory.copy_from_slice(bytes);
                Ok(())
            });
            assert_eq!(copy.unwrap(), tensor);
        }
    }

    #[test]
    fn a_transposed_tensor_is_refused() {
        let array = ArrayD::<f32>::zeros(IxDyn(&[2, 3])).reversed_axes();
        assert!(bytes_of(&array.into()).is_err());
    }
}
