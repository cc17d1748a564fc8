//! Pillow's resampling, to the last bit: weights of 22 bits, two passes, each rounded to 8 bits.

mod sums;
mod taps;

use std::ops::Range;

use self::{
    sums::{BEYOND, LINES},
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
    let mut made = Picture::black(columns.len(), rows.len(), channels);
    let mut lines = [0; LINES].map(|byte| vec![byte; picture.row(0).len() + BEYOND]);
    let mut spare = vec![0; length];
    for (first, made) in
        rows.clone().step_by(LINES).zip(made.pixels_mut().chunks_mut(LINES * length))
    {
        for (line, row) in lines.iter_mut().zip(first..rows.end) {
            line[..picture.row(row).len()].copy_from_slice(picture.row(row));
        }
        let (one, other) = made.split_at_mut(length);
        let other = if other.is_empty() { spare.as_mut_slice() } else { other };
        sums::across(lines.each_ref().map(Vec::as_slice), channels, columns, [one, other]);
    }
    made
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
