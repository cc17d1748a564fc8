//! The sums of pixels times weights, in vectors where the processor has them.

use super::taps::Taps;

/// Bits of a weight: 32 less the 8 of a pixel and 2 for sums of weights beyond 1.
const PRECISION: u32 = 22;
pub(super) const ONE: i32 = 1 << PRECISION;
const HALF: i32 = ONE / 2;

/// Bytes that a line has beyond its last pixel, for sixteen are read from where a pixel begins.
pub(super) const BEYOND: usize = 13;
/// Lines that are made at once.
pub(super) const LINES: usize = 4;

/// Makes lines of one channel or of three at the width wanted.
pub(super) struct Across<'a> {
    columns: &'a Taps,
    channels: usize,
    #[cfg(target_arch = "x86_64")]
    blocks: Option<avx2::Blocks>,
}

impl<'a> Across<'a> {
    pub(super) fn new(columns: &'a Taps, channels: usize) -> Self {
        Self {
            columns,
            channels,
            #[cfg(target_arch = "x86_64")]
            blocks: (channels == 3).then(|| avx2::Blocks::of(columns)).flatten(),
        }
    }

    /// Makes lines that lie one behind another, of lines with [`BEYOND`] bytes behind each.
    pub(super) fn lines(&self, lines: [&[u8]; LINES], made: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(blocks) = &self.blocks {
            return blocks.colors_across(lines, made);
        }
        let across = if self.channels == 3 { colors_across } else { gray_across };
        let length = self.columns.len() * self.channels;
        for (line, made) in lines.into_iter().zip(made.chunks_exact_mut(length)) {
            across(line, self.columns, made);
        }
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
    let done = 0;
    #[cfg(target_arch = "x86_64")]
    let done = if std::arch::is_x86_feature_detected!("avx2") {
        avx2::down(lines, weights, made)
    } else {
        done
    };
    down_plainly(lines, weights, &mut sums[done..], (&mut made[done..], done));
}

/// What of the line begins at `first`.
fn down_plainly(
    lines: &[&[u8]],
    weights: &[i32],
    sums: &mut [i32],
    (made, first): (&mut [u8], usize),
) {
    sums.fill(HALF);
    for (line, weight) in lines.iter().zip(weights) {
        for (sum, value) in sums.iter_mut().zip(&line[first..]) {
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
mod avx2;

#[cfg(test)]
mod tests {
    use super::{super::taps::Kernel, *};
    use crate::Filter;

    #[test]
    fn vectors_change_no_sum() {
        let line: Vec<u8> = (0..319_u32).map(|place| (place * place * 77 % 251) as u8).collect();
        for length in [1, 7, 99, 100, 333] {
            let columns = Kernel::of(Filter::Lanczos).taps([100, length], &(0..length), true);
            let turned: Vec<u8> = line.iter().rev().copied().collect();
            let lines = [line.as_slice(), &turned, &[255; 313], &line[6..]];
            let mut made = vec![0; LINES * length * 3];
            Across::new(&columns, 3).lines(lines, &mut made);
            for (line, made) in lines.into_iter().zip(made.chunks_exact(length * 3)) {
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
        let of = |step: usize| (0..77).map(|place| (place * step * place % 256) as u8).collect();
        let lines: Vec<Vec<u8>> = [3, 7, 11, 13].map(of).to_vec();
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let weights = [ONE / 2, ONE, -ONE / 3, ONE / 7 + 1];
        for count in 1..=lines.len() {
            let (mut made, mut plainly) = (vec![0; 77], vec![0; 77]);
            down(&lines[..count], &weights[..count], &mut [0; 77], &mut made);
            down_plainly(&lines[..count], &weights[..count], &mut [0; 77], (&mut plainly, 0));
            assert_eq!(made, plainly);
            assert!(count < 3 || made.contains(&0) && made.contains(&255));
        }
    }

    #[test]
    fn weights_that_are_too_large_for_vectors_are_taken_plainly() {
        let (line, weights) = ([1; 40], [1 << 27, 1 - (1 << 27) + 5 * ONE]);
        let mut made = [0; 40];
        down(&[&line, &line], &weights, &mut [0; 40], &mut made);
        assert_eq!(made, [5; 40]);
    }
}
