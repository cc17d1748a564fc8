use std::path::Path;

use ndarray::{ArrayD, ArrayView, Dimension};
use ndarray_npy::{ReadNpyError, ReadNpyExt, WritableElement, WriteNpyExt};
use runner_core::Tensor;

use crate::{Fault, files};

/// Longest header that is parsed; NumPy's own are 118 bytes.
const MAX_HEADER: usize = 4096;
/// Deepest nesting that is parsed; a header of NumPy's needs 2.
const MAX_BRACKETS: usize = 16;

/// Reads a float32 tensor from a .npy file.
pub(crate) fn read(path: &Path) -> Result<ArrayD<f32>, Fault> {
    parse(&files::read(path)?).map_err(|reason| {
        Fault::bad(format!("{}: {reason}", path.display()))
            .with_hint("Write it with `numpy.save(path, array.astype(\"float32\"))`.")
    })
}

/// The header is looked at first: the reader behind it takes memory for whatever shape stands there.
fn parse(bytes: &[u8]) -> Result<ArrayD<f32>, String> {
    let (header, data) = split(bytes).ok_or("is not a NumPy array, or is cut short")?;
    let brackets = header.bytes().filter(|byte| b"([{".contains(byte)).count();
    let dims = dims_of(header).filter(|_| brackets <= MAX_BRACKETS);
    let dims = dims.ok_or_else(|| format!("has a damaged header: {}", header.trim_end()))?;
    if !header.contains("'<f4'") {
        return Err(format!("does not hold float32 numbers: {}", header.trim_end()));
    }
    let bytes_wanted =
        dims.iter().try_fold(size_of::<f32>(), |product, &dim| product.checked_mul(dim));
    if bytes_wanted != Some(data.len()) {
        return Err(format!("holds {} bytes, which are no array of {dims:?}", data.len()));
    }
    let array = ArrayD::<f32>::read_npy(bytes).map_err(|error| match error {
        ReadNpyError::WrongDescriptor(found) => format!("holds {found}, not float32"),
        other => other.to_string(),
    })?;
    Ok(array.as_standard_layout().into_owned())
}

/// The header's text and the data behind it.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (version, rest) = rest.split_at_checked(2)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (usize::try_from(u32::from_le_bytes(*length)).ok()?, rest)
        }
        _ => return None,
    };
    let (header, data) = rest.split_at_checked(length)?;
    let header = (length <= MAX_HEADER).then(|| std::str::from_utf8(header).ok()).flatten()?;
    Some((header, data))
}

fn dims_of(header: &str) -> Option<Vec<usize>> {
    let (_, rest) = header.split_once("'shape':")?;
    let (dims, _) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
    let dims = dims.split(',').map(str::trim).filter(|dim| !dim.is_empty());
    dims.map(|dim| dim.parse().ok()).collect()
}

/// Writes a tensor in its own element type; half precision as float32, which is exact.
pub(crate) fn write(path: &Path, tensor: &Tensor) -> Result<(), Fault> {
    let written = match tensor {
        Tensor::F32(array) => bytes_of(&array.view()),
        Tensor::F16(array) => bytes_of(&array.mapv(runner_core::f16::to_f32).view()),
        Tensor::F64(array) => bytes_of(&array.view()),
        Tensor::I8(array) => bytes_of(&array.view()),
        Tensor::U8(array) => bytes_of(&array.view()),
        Tensor::I32(array) => bytes_of(&array.view()),
        Tensor::I64(array) => bytes_of(&array.view()),
        Tensor::Bool(array) => bytes_of(&array.view()),
    };
    let bytes = written.map_err(|error| Fault::bad(format!("{}: {error}", path.display())))?;
    files::write(path, &bytes)
}

fn bytes_of<A: WritableElement + Copy, D: Dimension>(
    array: &ArrayView<'_, A, D>,
) -> Result<Vec<u8>, ndarray_npy::WriteNpyError> {
    let mut bytes = Vec::new();
    array.as_standard_layout().write_npy(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn, array};

    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn an_array_survives_the_file() {
        for shape in [&[2, 3][..], &[1], &[], &[0, 4], &[1, 3, 2, 5]] {
            let array = ArrayD::from_shape_fn(IxDyn(shape), |index| {
                index.slice().iter().sum::<usize>() as f32 * 0.5
            });
            assert_eq!(parse(&bytes_of(&array.view()).unwrap()).unwrap(), array);
        }
    }

    #[test]
    fn columns_first_is_read_as_numpy_reads_it() {
        let data: Vec<u8> = (0..6).flat_map(|value| (value as f32).to_le_bytes()).collect();
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n";
        let expected = array![[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]].into_dyn();
        assert_eq!(parse(&npy(header, &data)).unwrap(), expected);
    }

    #[test]
    fn hostile_files_are_refused() {
        let long = "(".repeat(2000);
        let header = |shape: &str| {
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n")
        };
        let cases = [
            (vec![], "is not a NumPy array"),
            (b"\x93NUMPY\x09\0".to_vec(), "is not a NumPy array"),
            (b"\x93NUMPY\x02\0\xff\xff\xff\xff".to_vec(), "is not a NumPy array"),
            (npy(&header(&long), &[]), "damaged header"),
            (npy(&header("(2,)"), &[0; 7]), "no array of [2]"),
            (npy(&header("(4611686018427387904, 16)"), &[0; 4]), "no array of"),
            (npy(&header("(-1,)"), &[0; 4]), "damaged header"),
            (npy(&header("(1,)").replace("<f4", "<f8"), &[0; 8]), "float32"),
            (npy(&header("(1,)").replace("<f4", "|O"), &[0; 8]), "float32"),
        ];
        for (bytes, text) in cases {
            let message = parse(&bytes).unwrap_err();
            assert!(message.contains(text), "{message}");
        }
    }
}
