use bytemuck::{cast_slice, cast_vec};
use runner_core::{DType, Tensor};

use super::{Result, data::shaped};

const SIZE: usize = size_of::<u32>();

/// Binary data as it comes in, in memory that a tensor of four-byte elements takes over.
#[derive(Debug, Default)]
pub struct Words {
    /// The last may be filled in part.
    words: Vec<u32>,
    bytes: usize,
}

impl Words {
    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes that there is memory for.
    pub fn capacity(&self) -> usize {
        self.words.capacity() * SIZE
    }

    /// Takes memory for so many bytes in all, and for hardly more.
    pub fn reserve_exact(&mut self, bytes: usize) {
        self.words.reserve_exact(bytes.div_ceil(SIZE).saturating_sub(self.words.len()));
    }

    /// Puts bytes behind those that are there.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let open = self.open();
        self.bytes += bytes.len();
        let (first, bytes) = bytes.split_at(open.min(bytes.len()));
        self.complete(open, first);
        let (words, rest) = bytes.as_chunks::<SIZE>();
        self.words.extend(words.iter().map(|word| u32::from_ne_bytes(*word)));
        if !rest.is_empty() {
            let mut word = [0; SIZE];
            word[..rest.len()].copy_from_slice(rest);
            self.words.push(u32::from_ne_bytes(word));
        }
    }

    /// All of them.
    pub fn as_slice(&self) -> &[u8] {
        &cast_slice(&self.words)[..self.bytes]
    }

    /// The tensor of all of them, without a copy, where its elements have four bytes each and fill
    /// them; `None` leaves everything as it is. The caller has counted the shape's elements.
    pub(super) fn take(&mut self, dtype: DType, shape: &[usize]) -> Option<Result<Tensor>> {
        let fills = shape.iter().product::<usize>().checked_mul(SIZE) == Some(self.bytes);
        if cfg!(target_endian = "big") || !fills {
            return None;
        }
        match dtype {
            DType::F32 => Some(shaped(shape, cast_vec(self.emptied())).map(Tensor::F32)),
            DType::I32 => Some(shaped(shape, cast_vec(self.emptied())).map(Tensor::I32)),
            _ => None,
        }
    }

    fn emptied(&mut self) -> Vec<u32> {
        std::mem::take(self).words
    }

    /// Bytes of the last word that are not filled.
    fn open(&self) -> usize {
        self.words.len() * SIZE - self.bytes
    }

    /// Fills the last word up by bytes that it has room for.
    fn complete(&mut self, open: usize, bytes: &[u8]) {
        let Some(last) = self.words.last_mut() else { return };
        let mut word = last.to_ne_bytes();
        word[SIZE - open..][..bytes.len()].copy_from_slice(bytes);
        *last = u32::from_ne_bytes(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8], chunk: usize) -> Words {
        let mut words = Words::default();
        bytes.chunks(chunk).for_each(|chunk| words.extend_from_slice(chunk));
        words
    }

    #[test]
    fn bytes_stay_as_they_came_however_they_are_cut() {
        let bytes: Vec<u8> = (0..100).collect();
        for length in 0..bytes.len() {
            for chunk in 1..13 {
                let words = words(&bytes[..length], chunk);
                assert_eq!(words.as_slice(), &bytes[..length], "{length} by {chunk}");
                assert_eq!((words.len(), words.is_empty()), (length, length == 0));
                assert!(words.capacity() >= length);
            }
        }
    }

    #[test]
    fn memory_is_taken_as_it_is_asked_for() {
        let mut words = Words::default();
        words.reserve_exact(1001);
        let room = words.capacity();
        assert!((1001..1100).contains(&room), "{room}");
        words.extend_from_slice(&[1; 1001]);
        words.reserve_exact(1002);
        assert_eq!(words.capacity(), room);
    }

    #[test]
    fn a_tensor_takes_the_memory_over_where_it_fills_it() {
        // numpy: array([1.0, nan], "<f4").tobytes(); the same as int32 is 1065353216, 2143289344.
        let bytes = b"\x00\x00\x80\x3f\x00\x00\xc0\x7f";
        let mut whole = words(bytes, 3);
        let place = whole.as_slice().as_ptr();
        let Some(Ok(Tensor::F32(array))) = whole.take(DType::F32, &[2, 1]) else { panic!() };
        assert_eq!(array.as_ptr().cast(), place);
        assert_eq!(array[[0, 0]].to_bits(), 1.0f32.to_bits());
        assert!(array[[1, 0]].is_nan() && array.shape() == [2, 1]);
        assert!(whole.is_empty() && whole.as_slice().is_empty());

        let Some(Ok(Tensor::I32(array))) = words(bytes, 5).take(DType::I32, &[2]) else { panic!() };
        assert_eq!(array.as_slice().unwrap(), [1_065_353_216, 2_143_289_344]);
    }

    #[test]
    fn what_does_not_fit_is_left() {
        let bytes = [1; 8];
        let cases: [(DType, &[usize]); 6] = [
            (DType::F32, &[1]),
            (DType::F32, &[3]),
            (DType::F64, &[1]),
            (DType::U8, &[8]),
            (DType::I64, &[2]),
            (DType::F32, &[]),
        ];
        for (dtype, shape) in cases {
            let mut words = words(&bytes, 8);
            assert!(words.take(dtype, shape).is_none(), "{dtype} {shape:?}");
            assert_eq!(words.as_slice(), bytes);
        }
        assert!(words(&bytes[..7], 7).take(DType::F32, &[2]).is_none());
    }
}
