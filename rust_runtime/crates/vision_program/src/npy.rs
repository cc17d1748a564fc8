use std::path::Path;

use ndarray::ArrayD;
use runner_core::{DType, Tensor, f16};

use crate::{Fault, files};

/// Longest header that is parsed; NumPy's own are 118 bytes.
const MAX_HEADER: usize = 4096;
/// Deepest nesting that is parsed; a header of NumPy's needs 2.
const MAX_BRACKETS: usize = 16;
/// What stands before a header of version 1: the mark, the version and the header's length.
const PREAMBLE: usize = 10;
/// The data begins at a multiple of this.
const ALIGNMENT: usize = 64;

/// Why a file is not the tensor that is wanted.
#[derive(Debug)]
enum Refusal {
    Damaged(String),
    /// What its elements are.
    OtherType(String),
}

/// Reads a tensor of this element type from a .npy file.
pub(crate) fn read(path: &Path, dtype: DType) -> Result<Tensor, Fault> {
    let (file, wanted) = (path.display(), numpy(dtype).1);
    let refused = |refusal| match refusal {
        Refusal::Damaged(reason) => Fault::bad(format!("{file}: {reason}")),
        Refusal::OtherType(found) => {
            Fault::bad(format!("{file}: holds {found}, expected {wanted}"))
                .of_kind("dtype_mismatch")
        }
    };
    parse(&files::read(path)?, dtype).map_err(|refusal| {
        let hint = format!("Write it with `numpy.save(path, array.astype(\"{wanted}\"))`.");
        refused(refusal).with_hint(hint)
    })
}

fn parse(bytes: &[u8], dtype: DType) -> Result<Tensor, Refusal> {
    let damaged = |reason: &str| Refusal::Damaged(reason.to_owned());
    let (header, data) =
        split(bytes).ok_or_else(|| damaged("is not a NumPy array, or is cut short"))?;
    let brackets = header.bytes().filter(|byte| b"([{".contains(byte)).count();
    let known = dims_of(header).zip(descr_of(header)).filter(|_| brackets <= MAX_BRACKETS);
    let (dims, descr) =
        known.ok_or_else(|| damaged(&format!("has a damaged header: {}", header.trim_end())))?;
    if descr != numpy(dtype).0 {
        return Err(Refusal::OtherType(in_words(descr)));
    }
    let columns_first = header.contains("'fortran_order': True");
    let stored: Vec<usize> =
        if columns_first { dims.iter().rev().copied().collect() } else { dims.clone() };
    let tensor = Tensor::from_le_bytes(dtype, &stored, data).ok_or_else(|| {
        damaged(&format!("holds {} bytes, which are no array of {dims:?}", data.len()))
    })?;
    Ok(if columns_first { transposed(tensor) } else { tensor })
}

/// How NumPy writes an element type, and how it names it.
fn numpy(dtype: DType) -> (&'static str, &'static str) {
    match dtype {
        DType::F32 => ("<f4", "float32"),
        DType::F16 => ("<f2", "float16"),
        DType::F64 => ("<f8", "float64"),
        DType::I8 => ("|i1", "int8"),
        DType::U8 => ("|u1", "uint8"),
        DType::I32 => ("<i4", "int32"),
        DType::I64 => ("<i8", "int64"),
        DType::Bool => ("|b1", "bool"),
    }
}

/// What elements of a type are, whether any model takes them or not.
fn in_words(descr: &str) -> String {
    let known = || {
        let (order, rest) = descr.split_at_checked(1)?;
        let (kind, bytes) = rest.split_at_checked(1)?;
        let bits = bytes.parse::<usize>().ok()?.checked_mul(8)?;
        let order = if order == ">" { "big-endian " } else { "" };
        Some(match kind {
            "f" => format!("{order}float{bits}"),
            "i" => format!("{order}int{bits}"),
            "u" => format!("{order}uint{bits}"),
            "c" => format!("{order}complex{bits}"),
            "b" => "bool".to_owned(),
            _ => return None,
        })
    };
    known().unwrap_or_else(|| format!("elements of the type {descr:?}"))
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

/// The element type as it stands there; of records their whole list.
fn descr_of(header: &str) -> Option<&str> {
    let (_, rest) = header.split_once("'descr':")?;
    let rest = rest.trim_start();
    if rest.starts_with('[') {
        return rest.split_inclusive(']').next();
    }
    Some(rest.strip_prefix('\'')?.split_once('\'')?.0)
}

fn transposed(tensor: Tensor) -> Tensor {
    match tensor {
        Tensor::F32(array) => rows_first(array).into(),
        Tensor::F16(array) => rows_first(array).into(),
        Tensor::F64(array) => rows_first(array).into(),
        Tensor::I8(array) => rows_first(array).into(),
        Tensor::U8(array) => rows_first(array).into(),
        Tensor::I32(array) => rows_first(array).into(),
        Tensor::I64(array) => rows_first(array).into(),
        Tensor::Bool(array) => rows_first(array).into(),
    }
}

fn rows_first<T: Clone>(array: ArrayD<T>) -> ArrayD<T> {
    array.reversed_axes().as_standard_layout().into_owned()
}

/// Writes a tensor in its own element type.
pub(crate) fn write(path: &Path, tensor: &Tensor) -> Result<(), Fault> {
    files::write(path, &bytes_of(tensor))
}

fn bytes_of(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = start_of(tensor);
    bytes.reserve_exact(tensor.len() * tensor.dtype().size());
    match tensor {
        Tensor::F32(array) => extend(&mut bytes, array, f32::to_le_bytes),
        Tensor::F16(array) => extend(&mut bytes, array, f16::to_le_bytes),
        Tensor::F64(array) => extend(&mut bytes, array, f64::to_le_bytes),
        Tensor::I8(array) => extend(&mut bytes, array, i8::to_le_bytes),
        Tensor::U8(array) => extend(&mut bytes, array, u8::to_le_bytes),
        Tensor::I32(array) => extend(&mut bytes, array, i32::to_le_bytes),
        Tensor::I64(array) => extend(&mut bytes, array, i64::to_le_bytes),
        Tensor::Bool(array) => extend(&mut bytes, array, |value| [u8::from(value)]),
    }
    bytes
}

/// Everything before the data, to the byte as NumPy writes it.
fn start_of(tensor: &Tensor) -> Vec<u8> {
    let dims: Vec<String> = tensor.shape().iter().map(ToString::to_string).collect();
    let comma = if dims.len() == 1 { "," } else { "" };
    let mut header = format!(
        "{{'descr': '{}', 'fortran_order': False, 'shape': ({}{comma}), }}",
        numpy(tensor.dtype()).0,
        dims.join(", ")
    );
    let length = (PREAMBLE + header.len() + 1).next_multiple_of(ALIGNMENT) - PREAMBLE;
    header += &" ".repeat(length - 1 - header.len());
    header.push('\n');
    [b"\x93NUMPY\x01\0", &(length as u16).to_le_bytes()[..], header.as_bytes()].concat()
}

fn extend<T: Copy, const N: usize>(
    bytes: &mut Vec<u8>,
    array: &ArrayD<T>,
    written: impl Fn(T) -> [u8; N],
) {
    for value in array {
        bytes.extend_from_slice(&written(*value));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Dimension, IxDyn, array};

    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    /// Zero and one in an element type, as bytes.
    fn zero_and_one(dtype: DType) -> Vec<u8> {
        let one = match dtype {
            DType::F32 => 1.0_f32.to_le_bytes().to_vec(),
            DType::F16 => f16::ONE.to_le_bytes().to_vec(),
            DType::F64 => 1.0_f64.to_le_bytes().to_vec(),
            _ => [&[1][..], &vec![0; dtype.size() - 1]].concat(),
        };
        [vec![0; dtype.size()], one].concat()
    }

    #[test]
    fn an_array_survives_the_file() {
        for shape in [&[2, 3][..], &[1], &[], &[0, 4], &[1, 3, 2, 5]] {
            let tensor = Tensor::from(ArrayD::from_shape_fn(IxDyn(shape), |index| {
                index.slice().iter().sum::<usize>() as f32 * 0.5
            }));
            assert_eq!(parse(&bytes_of(&tensor), DType::F32).unwrap(), tensor);
        }
    }

    #[test]
    fn every_element_type_is_written_as_it_is_and_read_back() {
        for dtype in DType::ALL {
            let tensor = Tensor::from_le_bytes(dtype, &[1, 2], &zero_and_one(dtype)).unwrap();
            let bytes = bytes_of(&tensor);
            assert!(bytes.ends_with(&zero_and_one(dtype)), "{dtype}");
            assert_eq!(parse(&bytes, dtype).unwrap(), tensor, "{dtype}");
        }
    }

    #[test]
    fn another_element_type_is_refused_by_its_name() {
        for (descr, name) in [
            ("'<i8'", "int64"),
            ("'>f4'", "big-endian float32"),
            ("'|b1'", "bool"),
            ("'<u2'", "uint16"),
            ("'<c8'", "complex64"),
            ("'|O'", "\"|O\""),
            ("[('a', '<f4')]", "('a', '<f4')"),
        ] {
            let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}\n");
            let refusal = parse(&npy(&header, &[0; 8]), DType::F32).unwrap_err();
            let Refusal::OtherType(found) = refusal else { panic!("{refusal:?}") };
            assert!(found.contains(name), "{found}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        write(&path, &array![1.0_f32].into_dyn().into()).unwrap();
        let fault = read(&path, DType::I64).unwrap_err();
        let message = fault.to_string();
        assert!(message.contains("holds float32, expected int64"), "{message}");
        assert!(fault.hint().unwrap().contains("astype(\"int64\")"));
        assert_eq!(fault.to_json()["kind"], "dtype_mismatch");
    }

    #[test]
    fn columns_first_is_read_as_numpy_reads_it() {
        let data: Vec<u8> = (0..6).flat_map(|value| (value as f32).to_le_bytes()).collect();
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n";
        let expected = array![[0.0_f32, 2.0, 4.0], [1.0, 3.0, 5.0]].into_dyn();
        assert_eq!(parse(&npy(header, &data), DType::F32).unwrap(), expected.into());
    }

    #[test]
    fn the_start_is_numpys_own() {
        let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }";
        let start = start_of(&array![1_i64, 2, 3].into_dyn().into());
        assert_eq!(start, npy(&format!("{header:<117}\n"), &[]));
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
            (npy(&header("(0, 4611686018427387904, 16)"), &[]), "no array of"),
            (npy(&header("(-1,)"), &[0; 4]), "damaged header"),
            (npy(&header("(1,)").replace("'<f4'", "<f4"), &[0; 4]), "damaged header"),
            (npy(&header("(1,)").replace("'<f4'", "'<f4"), &[0; 4]), "\"<f4, \""),
        ];
        for (bytes, text) in cases {
            let message = format!("{:?}", parse(&bytes, DType::F32).unwrap_err());
            let message = message.replace('\\', "");
            assert!(message.contains(text), "{message}");
        }
    }
}
