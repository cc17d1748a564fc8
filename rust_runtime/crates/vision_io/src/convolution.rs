//! Pillow's resampling, to the last bit: weights of 22 bits, two passes, each rounded to 8 bits.

mod sums;
mod taps;

use std::ops::Range;

use self::{
    sums::{Across, BEYOND, LINES},
    taps::{Kernel, Taps},
};
use crate::{Filter, Picture};

/// The part of the resampled picture that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) columns: Range<usize>,
    pub(crate) rows: Range<usize>,
}

/// Brings a picture to `size` (width, height) and gives the part in `window`, which is not empty.
/// With `widen` the filter covers all that falls into a pixel, as in Pillow; without it, what it
/// would cover if nothing shrank.
pub(crate) fn convolved(
    picture: &Picture,
    size: [usize; 2],
    (filter, widen): (Filter, bool),
    window: &Window,
) -> Picture {
    let own = [picture.width(), picture.height()];
    let kernel = Kernel::of(filter);
    let columns = kernel.taps([own[0], size[0]], &window.columns, widen);
    let rows = kernel.taps([own[1], size[1]], &window.rows, widen);
    if width_first(own, size) {
        let taken = rows.taken();
        down(&across(picture, &columns, taken.clone()), &rows, taken.start)
    } else {
        across(&down(picture, &rows, 0), &columns, 0..window.rows.len())
    }
}

/// Whether the first pass is over the width: from its version 13 on, Pillow begins with the height
/// where that shrinks much more. The order shows, because each pass rounds and clips to 8 bits.
fn width_first([own_width, own_height]: [usize; 2], [width, height]: [usize; 2]) -> bool {
    let less_width = own_width.cast_signed() - width.cast_signed();
    let less_height = own_height.cast_signed() - height.cast_signed();
    less_height <= 0 || less_height <= 2 * less_width
}

/// The rows `rows` of a picture at the width wanted.
fn across(picture: &Picture, columns: &Taps, rows: Range<usize>) -> Picture {
    let channels = picture.channels();
    let length = columns.len() * channels;
    let mut pixels = vec![0; rows.len().next_multiple_of(LINES) * length];
    let across = Across::new(columns, channels);
    let lines = Lines::new(picture);
    for (first, made) in rows.clone().step_by(LINES).zip(pixels.chunks_exact_mut(LINES * length)) {
        let lines = std::array::from_fn(|place| lines.at((first + place).min(rows.end - 1)));
        across.lines(lines, made);
    }
    pixels.truncate(rows.len() * length);
    Picture::of(columns.len(), rows.len(), channels, pixels)
}

/// The rows of a picture, each with [`BEYOND`] bytes behind it.
struct Lines<'a> {
    pixels: &'a [u8],
    length: usize,
    /// The first row that has not enough bytes behind it, and what is there from it on, and more.
    short: usize,
    longer: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn new(picture: &'a Picture) -> Self {
        let (pixels, length) = (picture.pixels(), picture.row(0).len());
        let short = pixels.len().saturating_sub(BEYOND) / length;
        let mut longer = pixels[short * length..].to_vec();
        longer.resize(longer.len() + BEYOND, 0);
        Self { pixels, length, short, longer }
    }

    fn at(&self, row: usize) -> &[u8] {
        match row.checked_sub(self.short) {
            Some(row) => &self.longer[row * self.length..],
            None => &self.pixels[row * self.length..],
        }
    }
}

/// A picture at the height wanted; its own first row is the row `first` of the taps.
fn down(picture: &Picture, rows: &Taps, first: usize) -> Picture {
    let mut made = Picture::black(picture.width(), rows.len(), picture.channels());
    let mut sums = vec![0; picture.width() * picture.channels()];
    for (place, (span, weights)) in rows.each().enumerate() {
        let lines: Vec<&[u8]> = span.map(|row| picture.row(row - first)).collect();
        sums::down(&lines, weights, &mut sums, made.row_mut(place));
    }
    made
}
