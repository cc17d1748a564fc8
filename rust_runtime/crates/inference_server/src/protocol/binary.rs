//! Tensors as little-endian, row-major bytes.

use runner_core::{DType, Tensor, f16, ndarray::ArrayD};

use super::{Result, data::shaped};
use crate::ServerError;

/// The tensor of these bytes, as many as its shape and type want: one copy.
pub(super) fn tensor(bytes: &[u8], dtype: DType, shape: &[usize]) -> Result<Tensor> {
    Ok(match dtype {
        DType::F32 => Tensor::F32(shaped(shape, values(bytes, f32::from_le_bytes))?),
        DType::F16 => Tensor::F16(shaped(shape, values(bytes, f16::from_le_bytes))?),
        DType::F64 => Tensor::F64(shaped(shape, values(bytes, f64::from_le_bytes))?),
        DType::I8 => Tensor::I8(shaped(shape, values(bytes, i8::from_le_bytes))?),
        DType::U8 => Tensor::U8(shaped(shape, bytes.to_vec())?),
        DType::I32 => Tensor::I32(shaped(shape, values(bytes, i32::from_le_bytes))?),
        DType::I64 => Tensor::I64(shaped(shape, values(bytes, i64::from_le_bytes))?),
        DType::Bool => Tensor::Bool(shaped(shape, truths(bytes)?)?),
    })
}

/// Puts the tensor's elements behind what is there.
pub(crate) fn append(out: &mut Vec<u8>, tensor: &Tensor) {
    match tensor {
        Tensor::F32(array) => push(out, array, f32::to_le_bytes),
        Tensor::F16(array) => push(out, array, f16::to_le_bytes),
        Tensor::F64(array) => push(out, array, f64::to_le_bytes),
        Tensor::I8(array) => push(out, array, i8::to_le_bytes),
        Tensor::U8(array) => push(out, array, u8::to_le_bytes),
        Tensor::I32(array) => push(out, array, i32::to_le_bytes),
        Tensor::I64(array) => push(out, array, i64::to_le_bytes),
        Tensor::Bool(array) => push(out, array, |value| [u8::from(value)]),
    }
}

/// The elements of a BYTES tensor: each has its length before it, as four bytes.
pub(super) fn byte_strings(mut bytes: &[u8], count: usize) -> Result<Vec<&[u8]>> {
    let mut strings = Vec::with_capacity(count.min(bytes.len() / 4));
    for index in 0..count {
        let (string, rest) = byte_string(bytes).ok_or_else(|| {
            let message = format!("element {index} of {count} goes past the end of its bytes");
            ServerError::bad_input(message)
        })?;
        strings.push(string);
        bytes = rest;
    }
    if bytes.is_empty() {
        return Ok(strings);
    }
    let message = format!("{} bytes are left over behind {count} elements", bytes.len());
    Err(ServerError::bad_input(message))
}

fn byte_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

fn values<T, const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
}

fn truths(bytes: &[u8]) -> Result<Vec<bool>> {
    match bytes.iter().find(|byte| **byte > 1) {
        Some(byte) => {
            Err(ServerError::bad_input(format!("a BOOL is the byte 0 or 1, one here is {byte}")))
        }
        None => Ok(bytes.iter().map(|byte| *byte == 1).collect()),
    }
}

/// Values are turned into bytes block by block, in the processor's nearest cache.
fn push<T: Copy, const N: usize>(
    out: &mut Vec<u8>,
    array: &ArrayD<T>,
    write: impl Fn(T) -> [u8; N],
) {
    const BLOCK: usize = 4096;
    let Some(values) = array.as_slice() else {
        out.extend(array.iter().flat_map(|value| write(*value)));
        return;
    };
    let mut block = [0; BLOCK];
    for part in values.chunks(BLOCK / N) {
        for (place, value) in block.as_chunks_mut::<N>().0.iter_mut().zip(part) {
            *place = write(*value);
        }
        out.extend_from_slice(&block[..part.len() * N]);
    }
}

/// Bytes that the elements of this tensor take.
pub(super) fn size_of(tensor: &Tensor) -> usize {
    tensor.len().saturating_mul(tensor.dtype().size())
}

#[cfg(test)]
mod tests {
    use runner_core::ndarray::IxDyn;

    use super::*;

    /// What `numpy.array(…).tobytes()` gives.
    const NUMPY: [(DType, &[usize], &[u8]); 8] = [
        (DType::F32, &[2], b"\x00\x00\x80\x3f\x00\x00\xc0\x7f"),
        (DType::F16, &[2], b"\x00\x3c\x00\x7e"),
        (DType::F64, &[1], b"\x00\x00\x00\x00\x00\x00\xf0\x3f"),
        (DType::I8, &[3], b"\x80\xff\x7f"),
        (DType::U8, &[1, 3], b"\x00\x80\xff"),
        (DType::I32, &[2], b"\xfe\xff\xff\xff\x00\x00\x00\x80"),
        (DType::I64, &[1], b"\xff\xff\xff\xff\xff\xff\xff\x7f"),
        (DType::Bool, &[2, 1], b"\x01\x00"),
    ];

    #[test]
    fn bytes_come_back_as_they_were_for_every_type() {
        for (dtype, shape, bytes) in NUMPY {
            let tensor = tensor(bytes, dtype, shape).unwrap();
            assert_eq!((tensor.dtype(), tensor.shape()), (dtype, shape));
            let mut out = b"head".to_vec();
            append(&mut out, &tensor);
            assert_eq!(out, [b"head", bytes].concat(), "{dtype}");
            assert_eq!(size_of(&tensor), bytes.len());
        }
    }

    #[test]
    fn values_are_read_in_little_endian() {
        let Tensor::I32(array) = tensor(NUMPY[5].2, DType::I32, &[2]).unwrap() else { panic!() };
        assert_eq!(array.as_slice().unwrap(), [-2, i32::MIN]);
    }

    #[test]
    fn tensors_longer_than_a_block_or_out_of_order_are_written_whole() {
        let values: Vec<f32> = (0..5000u16).map(f32::from).collect();
        let rows = ArrayD::from_shape_vec(IxDyn(&[50, 100]), values.clone()).unwrap();
        let mut out = Vec::new();
        append(&mut out, &rows.clone().into());
        let expected: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert!(out == expected);

        let mut out = Vec::new();
        append(&mut out, &rows.reversed_axes().into());
        assert_eq!(out[4..8], 100f32.to_le_bytes());
        assert_eq!(out.len(), expected.len());
    }

    #[test]
    fn a_bool_is_one_bit() {
        let error = tensor(b"\x01\x02", DType::Bool, &[2]).unwrap_err();
        assert!(error.message().contains("here is 2"), "{error}");
    }

    #[test]
    fn byte_strings_carry_their_length() {
        let bytes = b"\x03\x00\x00\x00abc\x00\x00\x00\x00";
        assert_eq!(byte_strings(bytes, 2).unwrap(), [&b"abc"[..], b""]);
        assert!(byte_strings(b"", 0).unwrap().is_empty());
        let cases: [(&[u8], usize); 6] = [
            (bytes, 1),
            (bytes, 3),
            (b"\x04\x00\x00\x00abc", 1),
            (b"\xff\xff\xff\xffabc", 1),
            (b"\x00\x00", 1),
            (b"", usize::MAX),
        ];
        for (bytes, count) in cases {
            assert!(byte_strings(bytes, count).is_err(), "{bytes:?} x {count}");
        }
    }
}
