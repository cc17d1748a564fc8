use std::ffi::c_void;

use ndarray::ArrayD;
use runner_core::{DType, NamedTensors};

use super::many;
use crate::Error;

/// A tensor: row by row, in the machine's order of bytes.
#[repr(C)]
#[derive(Debug)]
pub struct Tensor {
    /// The element type, one of the constants.
    pub dtype: u32,
    /// How many axes it has.
    pub rank: usize,
    /// The length of every axis.
    pub shape: *const usize,
    /// The elements; a boolean is one byte, 0 or 1.
    pub data: *const c_void,
    /// Bytes of all elements.
    pub bytes: usize,
}

impl Tensor {
    /// Copies it.
    ///
    /// # Safety
    /// The pointers are good for `rank` lengths and for `bytes` bytes.
    pub(super) unsafe fn read(&self, name: &str) -> Result<runner_core::Tensor, Error> {
        let refused = |what: String| Error::new("input", format!("input {name:?}: {what}"));
        let dtype = DType::ALL.get(self.dtype as usize);
        let dtype = *dtype.ok_or_else(|| refused(format!("no type {}", self.dtype)))?;
        // SAFETY: the caller's promise.
        let (shape, bytes) = unsafe {
            (
                many(self.shape, self.rank, "shape")?,
                many(self.data.cast::<u8>(), self.bytes, "data")?,
            )
        };
        let tensor = runner_core::Tensor::from_le_bytes(dtype, shape, bytes);
        tensor.ok_or_else(|| {
            refused(format!("{} bytes are no {dtype} of the axes {shape:?}", self.bytes))
        })
    }
}

/// What a run gave, in the model's order.
#[derive(Debug)]
pub struct Results {
    views: Vec<Tensor>,
    /// What the views point to.
    _owned: Vec<(Vec<usize>, Elements)>,
}

// SAFETY: the views point into what is owned beside them, which nobody changes.
unsafe impl Send for Results {}
// SAFETY: as above.
unsafe impl Sync for Results {}

/// Elements where they lie, row by row.
#[derive(Debug)]
struct Elements {
    _tensor: runner_core::Tensor,
    data: *const c_void,
    bytes: usize,
}

impl Results {
    pub(super) fn new(tensors: NamedTensors) -> Self {
        let mut owned = Vec::new();
        let mut views = Vec::new();
        for (_, tensor) in tensors {
            let (dtype, shape) = (tensor.dtype(), tensor.shape().to_vec());
            let elements = Elements::of(tensor);
            views.push(Tensor {
                dtype: code_of(dtype),
                rank: shape.len(),
                shape: shape.as_ptr(),
                data: elements.data,
                bytes: elements.bytes,
            });
            owned.push((shape, elements));
        }
        Self { views, _owned: owned }
    }

    pub(super) fn view(&self, index: usize) -> Option<&Tensor> {
        self.views.get(index)
    }
}

fn code_of(dtype: DType) -> u32 {
    DType::ALL.iter().position(|own| *own == dtype).unwrap_or_default() as u32
}

impl Elements {
    fn of(tensor: runner_core::Tensor) -> Self {
        use runner_core::Tensor;
        match tensor {
            Tensor::F32(array) => Self::laid_out(array),
            Tensor::F16(array) => Self::laid_out(array),
            Tensor::F64(array) => Self::laid_out(array),
            Tensor::I8(array) => Self::laid_out(array),
            Tensor::U8(array) => Self::laid_out(array),
            Tensor::I32(array) => Self::laid_out(array),
            Tensor::I64(array) => Self::laid_out(array),
            Tensor::Bool(array) => Self::laid_out(array),
        }
    }

    fn laid_out<T: Clone>(array: ArrayD<T>) -> Self
    where
        runner_core::Tensor: From<ArrayD<T>>,
    {
        let array = if array.is_standard_layout() {
            array
        } else {
            array.as_standard_layout().into_owned()
        };
        let (data, bytes) = (array.as_ptr().cast(), array.len() * size_of::<T>());
        Self { _tensor: array.into(), data, bytes }
    }
}
