use runner_core::{DType, Tensor};

use crate::protocol::{Result, Words, binary};

/// Binary data of which nothing, or the front, was taken.
#[derive(Debug)]
pub(super) enum Data<'a> {
    Slice(&'a [u8]),
    /// Nothing is taken yet.
    Words(&'a mut Words),
}

impl<'a> Data<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Slice(bytes) => bytes.len(),
            Self::Words(words) => words.len(),
        }
    }

    /// So many bytes off the front; `None` where there are fewer.
    pub(super) fn split_off(&mut self, size: usize) -> Option<&'a [u8]> {
        let bytes = match std::mem::replace(self, Self::Slice(&[])) {
            Self::Slice(bytes) => bytes,
            Self::Words(words) => words.as_slice(),
        };
        let (front, behind) = bytes.split_at_checked(size).unwrap_or((&[], bytes));
        *self = Self::Slice(behind);
        (front.len() == size).then_some(front)
    }

    /// The tensor of the front, of as many bytes as its shape and type want; `None` where there are
    /// fewer. Copied, unless it can have all of the memory.
    pub(super) fn tensor(
        &mut self,
        dtype: DType,
        shape: &[usize],
        size: usize,
    ) -> Option<Result<Tensor>> {
        if let Self::Words(words) = self
            && let Some(tensor) = words.take(dtype, shape)
        {
            return Some(tensor);
        }
        Some(binary::tensor(self.split_off(size)?, dtype, shape))
    }
}
