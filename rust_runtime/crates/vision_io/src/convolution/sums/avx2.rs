use std::arch::x86_64::{
    __m128i, __m256i, _mm_cvtsi128_si64, _mm_extract_epi32, _mm_loadu_si128, _mm_setr_epi8,
    _mm_shuffle_epi8, _mm_storeu_si128, _mm_unpackhi_epi8, _mm_unpackhi_epi32, _mm_unpackhi_epi64,
    _mm_unpacklo_epi8, _mm_unpacklo_epi32, _mm_unpacklo_epi64, _mm256_add_epi32,
    _mm256_castsi256_si128, _mm256_cvtepu8_epi16, _mm256_madd_epi16, _mm256_packs_epi32,
    _mm256_packus_epi16, _mm256_permute4x64_epi64, _mm256_permutevar8x32_epi32, _mm256_set_m128i,
    _mm256_set1_epi32, _mm256_setr_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi32, _mm256_srai_epi32,
};

use super::{BEYOND, HALF, LINES, PRECISION, Taps};

/// Bytes that are read at once, and the pixels of which use is made, two by two.
const READ: usize = 16;
const PIXELS: usize = 5;
const PAIRS: usize = PIXELS.div_ceil(2);

/// Bits of a weight's lower part. Products of 16 bits are half the work of products of 32.
const LOWER: u32 = 11;

/// The weights of two pixels side by side, 16 bits each.
#[derive(Clone, Copy)]
struct Pair {
    upper: i32,
    lower: i32,
}

impl Pair {
    /// `None` where an upper part has more than 16 bits.
    fn of(weights: &[i32]) -> Option<Self> {
        let weight = |place: usize| weights.get(place).copied().unwrap_or(0);
        let upper = |place| i16::try_from(weight(place) >> LOWER).ok();
        let lower = |place| (weight(place) & ((1 << LOWER) - 1)) as i16;
        let both = |first: i16, second: i16| i32::from(second) << 16 | i32::from(first) & 0xffff;
        Some(Self { upper: both(upper(0)?, upper(1)?), lower: both(lower(0), lower(1)) })
    }
}

/// Taps for pixels of three colours, five at a time.
pub(super) struct Blocks {
    /// The first byte of each target pixel, and how many blocks it has.
    spans: Vec<(usize, usize)>,
    /// Those of all target pixels, one after another.
    weights: Vec<[Pair; PAIRS]>,
    /// Bytes that a line has at least.
    line: usize,
}

impl Blocks {
    /// `None` where the processor lacks the vectors, or a weight is too large for them.
    pub(super) fn of(columns: &Taps) -> Option<Self> {
        if !std::arch::is_x86_feature_detected!("avx2") {
            return None;
        }
        let line = columns.taken().end * 3 + BEYOND;
        let mut made = Self { spans: Vec::with_capacity(columns.len()), weights: Vec::new(), line };
        for (span, weights) in columns.each() {
            made.spans.push((span.start * 3, weights.len().div_ceil(PIXELS)));
            for block in weights.chunks(PIXELS) {
                let pair = |place: usize| Pair::of(block.get(2 * place..).unwrap_or_default());
                made.weights.push([pair(0)?, pair(1)?, pair(2)?]);
            }
        }
        Some(made)
    }

    pub(super) fn colors_across(&self, lines: [&[u8]; LINES], made: &mut [u8]) {
        let lines = lines.map(|line| &line[..self.line]);
        // SAFETY: without the vectors there are no blocks, and the lines are as long as is said.
        unsafe { write(&self.pixels(lines), made, self.spans.len() * 3) };
    }

    /// Of each column the pixels of all lines, the fourth value of each of which is of no use.
    ///
    /// # Safety
    /// The processor has the vectors, and the lines have the length `line`.
    #[target_feature(enable = "avx2")]
    unsafe fn pixels(&self, lines: [&[u8]; LINES]) -> Vec<__m128i> {
        // The last pixel has none beside it; whatever comes there counts nothing.
        let orders = [side_by_side(0), side_by_side(6), side_by_side(12)];
        let mut weights = self.weights.as_slice();
        let column = |(start, count): &(usize, usize)| {
            let (own, rest) = weights.split_at(*count);
            weights = rest;
            let mut upper = [_mm256_setzero_si256(); LINES / 2];
            let mut lower = [_mm256_set1_epi32(HALF); LINES / 2];
            for (place, pairs) in own.iter().enumerate() {
                for half in 0..LINES / 2 {
                    let lines = [lines[2 * half], lines[2 * half + 1]];
                    // SAFETY: a pixel that counts begins here, so that there are 3 and 13 bytes.
                    let pixels = unsafe { read(lines, start + place * PIXELS * 3) };
                    for (pair, order) in pairs.iter().zip(orders) {
                        let values = _mm256_shuffle_epi8(pixels, order);
                        let term = |weights| _mm256_madd_epi16(values, _mm256_set1_epi32(weights));
                        upper[half] = _mm256_add_epi32(upper[half], term(pair.upper));
                        lower[half] = _mm256_add_epi32(lower[half], term(pair.lower));
                    }
                }
            }
            let [one, other] = [0, 1].map(|half| whole(upper[half], lower[half]));
            let bytes = _mm256_packus_epi16(_mm256_packs_epi32(one, other), _mm256_setzero_si256());
            // Packing works within halves: the first has lines 0 and 2, the second 1 and 3.
            let order = _mm256_setr_epi32(0, 4, 1, 5, 0, 0, 0, 0);
            _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order))
        };
        self.spans.iter().map(column).collect()
    }
}

/// Writes the pixels of columns to lines of `length` bytes that lie one behind another.
#[target_feature(enable = "avx2")]
fn write(columns: &[__m128i], made: &mut [u8], length: usize) {
    let colors = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    for (place, columns) in columns.chunks(4).enumerate() {
        let column = |place: usize| columns.get(place).copied().unwrap_or(columns[0]);
        let [a, b, c, d] = [column(0), column(1), column(2), column(3)];
        let upper = [_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d)];
        let lower = [_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d)];
        let lines = [
            _mm_unpacklo_epi64(upper[0], upper[1]),
            _mm_unpackhi_epi64(upper[0], upper[1]),
            _mm_unpacklo_epi64(lower[0], lower[1]),
            _mm_unpackhi_epi64(lower[0], lower[1]),
        ];
        for (line, pixels) in lines.into_iter().enumerate() {
            let pixels = _mm_shuffle_epi8(pixels, colors);
            let first = _mm_cvtsi128_si64(pixels).to_le_bytes();
            let last = _mm_extract_epi32::<2>(pixels).to_le_bytes();
            let made = &mut made[line * length + place * 12..(line + 1) * length];
            if let Some((made, _)) = made.split_first_chunk_mut::<12>() {
                made[..8].copy_from_slice(&first);
                made[8..].copy_from_slice(&last);
            } else {
                made.iter_mut().zip(first.into_iter().chain(last)).for_each(|(to, of)| *to = of);
            }
        }
    }
}

/// Brings each colour of two pixels, the first of which begins at a byte, side by side, in 16 bits.
#[target_feature(enable = "avx2")]
fn side_by_side(first: i8) -> __m256i {
    const NONE: i8 = -1;
    let color = |byte: i8| i32::from_le_bytes([byte, NONE, byte + 3, NONE].map(i8::cast_unsigned));
    let [red, green, blue] = [color(first), color(first + 1), color(first + 2)];
    let none = i32::from(NONE);
    _mm256_setr_epi32(red, green, blue, none, red, green, blue, none)
}

/// # Safety
/// The lines have 16 bytes from `place` on.
#[target_feature(enable = "avx2")]
unsafe fn read(lines: [&[u8]; 2], place: usize) -> __m256i {
    debug_assert!(lines.iter().all(|line| place + READ <= line.len()));
    // SAFETY: the caller has looked; the loads need no alignment.
    let [one, other] =
        lines.map(|line| unsafe { _mm_loadu_si128(line.as_ptr().add(place).cast()) });
    _mm256_set_m128i(other, one)
}

/// Makes as many values of a line as fill vectors, and tells how many; none where a weight is too
/// large.
pub(super) fn down(lines: &[&[u8]], weights: &[i32], made: &mut [u8]) -> usize {
    let pairs: Option<Vec<Pair>> = weights.chunks(2).map(Pair::of).collect();
    let Some(pairs) = pairs else { return 0 };
    let whole = made.len() / READ * READ;
    for line in lines {
        assert!(line.len() >= whole, "a line is shorter than the one that is made");
    }
    // SAFETY: the caller has asked for the vectors, and the lines are as long as is said.
    unsafe { values_down(lines, &pairs, &mut made[..whole]) };
    whole
}

/// # Safety
/// The lines are as long as `made`, which is filled by vectors.
#[target_feature(enable = "avx2")]
unsafe fn values_down(lines: &[&[u8]], pairs: &[Pair], made: &mut [u8]) {
    for (place, made) in made.chunks_exact_mut(READ).enumerate() {
        // SAFETY: the caller knows the lines to have so many bytes; the loads need no alignment.
        let read = |line: &[u8]| unsafe { _mm_loadu_si128(line.as_ptr().add(place * READ).cast()) };
        let (mut upper, mut lower) = ([_mm256_setzero_si256(); 2], [_mm256_set1_epi32(HALF); 2]);
        for (lines, pair) in lines.chunks(2).zip(pairs) {
            let (first, second) = (read(lines[0]), read(lines[lines.len() - 1]));
            let halves = [_mm_unpacklo_epi8(first, second), _mm_unpackhi_epi8(first, second)];
            for (half, values) in halves.into_iter().enumerate() {
                let values = _mm256_cvtepu8_epi16(values);
                let term = |weights| _mm256_madd_epi16(values, _mm256_set1_epi32(weights));
                upper[half] = _mm256_add_epi32(upper[half], term(pair.upper));
                lower[half] = _mm256_add_epi32(lower[half], term(pair.lower));
            }
        }
        let [one, other] = [0, 1].map(|half| whole(upper[half], lower[half]));
        // Packing works within the halves of vectors: their quarters come out as 0, 2, 1, 3.
        let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(one, other));
        let bytes = _mm256_packus_epi16(packed, packed);
        let quarters = _mm256_permute4x64_epi64::<0b00_00_10_00>(bytes);
        // SAFETY: `made` has sixteen bytes; the store needs no alignment.
        unsafe { _mm_storeu_si128(made.as_mut_ptr().cast(), _mm256_castsi256_si128(quarters)) };
    }
}

/// The sums of both parts, without the bits behind the point.
#[target_feature(enable = "avx2")]
fn whole(upper: __m256i, lower: __m256i) -> __m256i {
    let sums = _mm256_add_epi32(_mm256_slli_epi32::<{ LOWER.cast_signed() }>(upper), lower);
    _mm256_srai_epi32::<{ PRECISION.cast_signed() }>(sums)
}
