use std::fmt;

use half::f16;
use ndarray::{ArrayD, IxDyn};
use serde::{Deserialize, Serialize};

/// Element type of a tensor. The lower-case names are the same in Python and in every report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// IEEE 754 double precision.
    F64,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 32-bit integer.
    I32,
    /// Signed 64-bit integer.
    I64,
    /// One byte a value, 0 or 1.
    Bool,
}

impl DType {
    /// Every element type of the contract.
    pub const ALL: [Self; 8] =
        [Self::F32, Self::F16, Self::F64, Self::I8, Self::U8, Self::I32, Self::I64, Self::Bool];

    /// The name used in configs, reports and errors: `f32`, `i64`, `bool`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::F64 => "f64",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::Bool => "bool",
        }
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A tensor of any rank and of any element type of the contract, row-major by convention.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Tensor {
    F32(ArrayD<f32>),
    F16(ArrayD<f16>),
    F64(ArrayD<f64>),
    I8(ArrayD<i8>),
    U8(ArrayD<u8>),
    I32(ArrayD<i32>),
    I64(ArrayD<i64>),
    Bool(ArrayD<bool>),
}

/// Runs `$body` with `$array` bound to the typed array inside `$tensor`.
macro_rules! each_dtype {
    ($tensor:expr, $array:ident => $body:expr) => {
        match $tensor {
            Tensor::F32($array) => $body,
            Tensor::F16($array) => $body,
            Tensor::F64($array) => $body,
            Tensor::I8($array) => $body,
            Tensor::U8($array) => $body,
            Tensor::I32($array) => $body,
            Tensor::I64($array) => $body,
            Tensor::Bool($array) => $body,
        }
    };
}

impl Tensor {
    /// The tensor of these little-endian values, row by row; a boolean is one byte, true unless 0.
    /// `None` where they are not as many as the shape has.
    pub fn from_le_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> Option<Self> {
        match dtype {
            DType::F32 => array_of(shape, bytes, f32::from_le_bytes),
            DType::F16 => array_of(shape, bytes, f16::from_le_bytes),
            DType::F64 => array_of(shape, bytes, f64::from_le_bytes),
            DType::I8 => array_of(shape, bytes, i8::from_le_bytes),
            DType::U8 => array_of(shape, bytes, u8::from_le_bytes),
            DType::I32 => array_of(shape, bytes, i32::from_le_bytes),
            DType::I64 => array_of(shape, bytes, i64::from_le_bytes),
            DType::Bool => array_of(shape, bytes, |[byte]: [u8; 1]| byte != 0),
        }
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::F16(_) => DType::F16,
            Self::F64(_) => DType::F64,
            Self::I8(_) => DType::I8,
            Self::U8(_) => DType::U8,
            Self::I32(_) => DType::I32,
            Self::I64(_) => DType::I64,
            Self::Bool(_) => DType::Bool,
        }
    }

    /// The length of every axis; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        each_dtype!(self, array => array.shape())
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        each_dtype!(self, array => array.len())
    }

    /// Whether an axis has length zero.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn array_of<T, const N: usize>(
    shape: &[usize],
    bytes: &[u8],
    read: impl Fn([u8; N]) -> T,
) -> Option<Tensor>
where
    Tensor: From<ArrayD<T>>,
{
    let (values, rest) = bytes.as_chunks::<N>();
    let values = values.iter().map(|&value| read(value)).collect();
    let array = ArrayD::from_shape_vec(IxDyn(shape), values).ok()?;
    rest.is_empty().then(|| array.into())
}

macro_rules! tensor_conversions {
    ($($variant:ident($element:ty)),* $(,)?) => {
        $(
            impl From<ArrayD<$element>> for Tensor {
                fn from(array: ArrayD<$element>) -> Self {
                    Self::$variant(array)
                }
            }

            impl TryFrom<Tensor> for ArrayD<$element> {
                type Error = Tensor;

                /// Gives the typed array, or the tensor back when its element type is another.
                fn try_from(tensor: Tensor) -> Result<Self, Tensor> {
                    match tensor {
                        Tensor::$variant(array) => Ok(array),
                        other => Err(other),
                    }
                }
            }
        )*
    };
}

tensor_conversions!(F32(f32), F16(f16), F64(f64), I8(i8), U8(u8), I32(i32), I64(i64), Bool(bool));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_gives_back_its_array_only_as_its_own_type() {
        let tensor = Tensor::from(ArrayD::<i64>::zeros(IxDyn(&[2, 3])));
        assert_eq!((tensor.dtype(), tensor.shape(), tensor.len()), (DType::I64, &[2, 3][..], 6));
        let back = ArrayD::<f32>::try_from(tensor).expect_err("i64 is not f32");
        assert!(ArrayD::<i64>::try_from(back).is_ok());
    }

    #[test]
    fn bytes_become_the_tensor_that_they_are() {
        let read = |dtype, shape: &[usize], bytes: &[u8]| {
            Tensor::from_le_bytes(dtype, shape, bytes).map(|tensor| format!("{tensor:?}"))
        };
        for dtype in DType::ALL {
            let one = match dtype {
                DType::F32 => 1.0_f32.to_le_bytes().to_vec(),
                DType::F16 => f16::ONE.to_le_bytes().to_vec(),
                DType::F64 => 1.0_f64.to_le_bytes().to_vec(),
                _ => [&[1][..], &vec![0; dtype.size() - 1]].concat(),
            };
            let zero = vec![0; dtype.size()];
            let tensor = Tensor::from_le_bytes(dtype, &[1, 2], &[one, zero].concat()).unwrap();
            assert_eq!((tensor.dtype(), tensor.shape()), (dtype, &[1, 2][..]));
            let told = each_dtype!(&tensor, array => format!("{array:?}"));
            let values = if dtype == DType::Bool { "[[true, false]]" } else { "[[1" };
            assert!(told.starts_with(values), "{dtype}: {told}");
        }
        assert_eq!(read(DType::F32, &[2], &[0; 4]), None);
        assert_eq!(read(DType::F32, &[1], &[0; 5]), None);
        assert_eq!(read(DType::F32, &[usize::MAX, 2], &[0; 8]), None);
        assert!(read(DType::I64, &[0, 3], &[]).is_some());
    }

    #[test]
    fn names_survive_json() {
        for dtype in DType::ALL {
            let json = serde_json::to_string(&dtype).unwrap();
            assert_eq!(json, format!("\"{dtype}\""));
            assert_eq!(serde_json::from_str::<DType>(&json).unwrap(), dtype);
        }
    }
}
