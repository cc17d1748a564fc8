use std::io::Read;

use tract_onnx::prelude::*;

/// A tensor's header: 4 bytes of marks, the data's length, the rank, 8 lengths, and the element.
const HEADER: usize = 128;
const RANK: usize = 8;
const DIMS: usize = 12;
const BITS: usize = 44;
const MOST_AXES: usize = 8;

/// Reads a tensor from an entry of this many bytes, once its shape fits them: tract takes memory
/// for the whole shape first.
pub(super) fn read(entry: &mut impl Read, size: u64) -> TractResult<Tensor> {
    let mut header = [0; HEADER];
    entry.read_exact(&mut header)?;
    let data = size.saturating_sub(HEADER as u64);
    match needed(&header) {
        Some(needed) if needed <= data => {}
        _ => return Err(TractError::msg("its shape does not fit its data")),
    }
    tract_nnef::tensors::read_tensor(header.chain(entry))
}

/// Bytes that the shape asks for at least.
fn needed(header: &[u8; HEADER]) -> Option<u64> {
    let word = |place: usize| {
        let bytes = header[place..place + 4].first_chunk::<4>()?;
        Some(u64::from(u32::from_le_bytes(*bytes)))
    };
    let rank = usize::try_from(word(RANK)?).ok().filter(|&rank| rank <= MOST_AXES)?;
    let elements =
        (0..rank).try_fold(1_u64, |product, axis| product.checked_mul(word(DIMS + 4 * axis)?))?;
    match word(BITS)? {
        // Text: at least the length of each, in 4 bytes. Blocks of quantised numbers come here
        // too, which have at least 4 bits each.
        bits if bits == u64::from(u32::MAX) => Some(elements.div_ceil(2)),
        bits => Some(elements.checked_mul(bits)?.div_ceil(8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(dims: &[u32], bits: u32) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[RANK] = dims.len() as u8;
        for (axis, dim) in dims.iter().enumerate() {
            header[DIMS + 4 * axis..][..4].copy_from_slice(&dim.to_le_bytes());
        }
        header[BITS..][..4].copy_from_slice(&bits.to_le_bytes());
        header
    }

    #[test]
    fn a_shape_asks_for_its_bytes_and_none_that_overflows_is_taken() {
        assert_eq!(needed(&header(&[2, 3], 32)), Some(24));
        assert_eq!(needed(&header(&[], 64)), Some(8));
        assert_eq!(needed(&header(&[9], 1)), Some(2));
        assert_eq!(needed(&header(&[u32::MAX; 3], 32)), None);
        assert_eq!(needed(&header(&[1; 8], 8)), Some(1));
        let mut nine_axes = header(&[], 8);
        nine_axes[RANK] = 9;
        assert_eq!(needed(&nine_axes), None);
    }

    #[test]
    fn what_is_written_is_read_and_what_is_cut_or_too_large_is_refused() {
        let tensor = tensor2(&[[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let mut bytes = Vec::new();
        tract_nnef::tensors::write_tensor(&mut bytes, &tensor).unwrap();
        let size = bytes.len() as u64;
        assert_eq!(read(&mut bytes.as_slice(), size).unwrap(), tensor);
        assert!(read(&mut bytes.as_slice(), size - 1).is_err());
        assert!(read(&mut &bytes[..bytes.len() - 1], size).is_err());
        bytes[DIMS + 3] = 0x7f;
        assert!(read(&mut bytes.as_slice(), size).unwrap_err().to_string().contains("shape"));
    }
}
