//! The sums of pixels times weights, in vectors where the processor has them.

use super::taps::Taps;

/// Bits of a weight: 32 less the 8 of a pixel and 2 for sums of weights beyond 1.
const PRECISION: u32 = 22;
pub(super) const ONE: i32 = 1 << PRECISION;
const HALF: i32 = ONE / 2;

/// Bytes that a line has beyond its last pixel, for colours are read four bytes at a time.
pub(super) const BEYOND: usize = 1;
/// Lines that are made at once.
pub(super) const LINES: usize = 2;

/// Lines of one channel or of three at the width wanted.
pub(super) fn across(
    lines: [&[u8]; LINES],
    channels: usize,
    columns: &Taps,
    made: [&mut [u8]; LINES],
) {
    #[cfg(target_arch = "x86_64")]
    if channels == 3 && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { avx2::colors_across(lines, columns, made) };
    }
    let across = if channels == 3 { colors_across } else { gray_across };
    for (line, made) in lines.into_iter().zip(made) {
        across(line, columns, made);
    }
}

fn gray_across(line: &[u8], columns: &Taps, made: &mut [u8]) {
    for ((span, weights), made) in columns.each().zip(made) {
        let terms = line[span].iter().zip(weights);
        let sum: i32 = terms.map(|(value, weight)| i32::from(*value) * weight).sum();
        *made = clipped(sum + HALF);
    }
}

fn colors_across(line: &[u8], columns: &Taps, made: &mut [u8]) {
    for ((span, weights), made) in columns.each().zip(made.chunks_exact_mut(3)) {
        let mut sums = [HALF; 3];
        for (pixel, weight) in line[span.start * 3..].chunks_exact(3).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(*value) * weight;
            }
        }
        made.copy_from_slice(&sums.map(clipped));
    }
}

/// One line of several; `sums` is room for as many values.
pub(super) fn down(lines: &[&[u8]], weights: &[i32], sums: &mut [i32], made: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { avx2::down(lines, weights, sums, made) };
    }
    down_plainly(lines, weights, sums, made);
}

#[expect(clippy::inline_always, reason = "inlined it is compiled for its caller's vectors")]
#[inline(always)]
fn down_plainly(lines: &[&[u8]], weights: &[i32], sums: &mut [i32], made: &mut [u8]) {
    sums.fill(HALF);
    for (line, weight) in lines.iter().zip(weights) {
        for (sum, value) in sums.iter_mut().zip(*line) {
            *sum += i32::from(*value) * weight;
        }
    }
    for (value, sum) in made.iter_mut().zip(sums) {
        *value = clipped(*sum);
    }
}

#[inline]
fn clipped(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi32_si128, _mm_cvtsi128_si32, _mm_insert_epi32, _mm256_add_epi32,
        _mm256_castsi256_si128, _mm256_cvtepu8_epi32, _mm256_extracti128_si256, _mm256_mullo_epi32,
        _mm256_packs_epi32, _mm256_packus_epi16, _mm256_set1_epi32, _mm256_srai_epi32,
    };

    use super::{BEYOND, HALF, LINES, PRECISION, Taps};

    /// A vector is a pixel of each line, whose fourth value is of no use.
    #[target_feature(enable = "avx2")]
    pub(super) fn colors_across(
        lines: [&[u8]; LINES],
        columns: &Taps,
        [first, second]: [&mut [u8]; LINES],
    ) {
        let made = first.chunks_exact_mut(3).zip(second.chunks_exact_mut(3));
        for ((span, weights), (first, second)) in columns.each().zip(made) {
            let taken = span.start * 3..span.end * 3 + BEYOND;
            let (one, other) = (&lines[0][taken.clone()], &lines[1][taken]);
            let mut sums = _mm256_set1_epi32(HALF);
            for (place, weight) in weights.iter().enumerate() {
                let pixel = _mm_cvtsi32_si128(four(one, place * 3));
                let both = _mm_insert_epi32::<1>(pixel, four(other, place * 3));
                let weight = _mm256_set1_epi32(*weight);
                let term = _mm256_mullo_epi32(_mm256_cvtepu8_epi32(both), weight);
                sums = _mm256_add_epi32(sums, term);
            }
            let [one, other] = clipped(sums);
            first.copy_from_slice(&one[..3]);
            second.copy_from_slice(&other[..3]);
        }
    }

    #[inline]
    fn four(bytes: &[u8], place: usize) -> i32 {
        let bytes = &bytes[place..place + 4];
        i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    #[target_feature(enable = "avx2")]
    fn clipped(sums: __m256i) -> [[u8; 4]; LINES] {
        let sums = _mm256_srai_epi32::<{ PRECISION.cast_signed() }>(sums);
        let halves = _mm256_packs_epi32(sums, sums);
        let bytes = _mm256_packus_epi16(halves, halves);
        let (one, other) = (_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
        [_mm_cvtsi128_si32(one).to_le_bytes(), _mm_cvtsi128_si32(other).to_le_bytes()]
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn down(lines: &[&[u8]], weights: &[i32], sums: &mut [i32], made: &mut [u8]) {
        super::down_plainly(lines, weights, sums, made);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::taps::Kernel, *};
    use crate::Filter;

    #[test]
    fn vectors_change_no_sum() {
        let line: Vec<u8> = (0..301_u32).map(|place| (place * place * 77 % 251) as u8).collect();
        for length in [1, 7, 99, 100, 333] {
            let columns = Kernel::of(Filter::Lanczos).taps([100, length], &(0..length), true);
            let turned: Vec<u8> = line.iter().rev().copied().collect();
            let lines = [line.as_slice(), &turned];
            let mut made = [vec![0; length * 3], vec![0; length * 3]];
            across(lines, 3, &columns, made.each_mut().map(Vec::as_mut_slice));
            for (line, made) in lines.into_iter().zip(made) {
                let mut plainly = vec![0; length * 3];
                colors_across(line, &columns, &mut plainly);
                assert_eq!(made, plainly, "{length}");
                let mut gray = vec![0; length];
                let channel: Vec<u8> = line.iter().copied().step_by(3).collect();
                gray_across(&channel, &columns, &mut gray);
                assert!(gray.iter().eq(made.iter().step_by(3)), "{length}");
            }
        }
    }

    #[test]
    fn vectors_change_no_sum_of_lines() {
        let lines: Vec<Vec<u8>> = [3_usize, 7, 11]
            .map(|step| (0..77).map(|place| (place * step * place % 256) as u8).collect())
            .to_vec();
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let weights = [ONE / 2, ONE, -ONE / 3];
        let (mut made, mut plainly) = (vec![0; 77], vec![0; 77]);
        down(&lines, &weights, &mut [0; 77], &mut made);
        down_plainly(&lines, &weights, &mut [0; 77], &mut plainly);
        assert_eq!(made, plainly);
        assert!(made.contains(&0) && made.contains(&255));
    }
}
