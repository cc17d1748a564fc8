use crate::{VisionError, VisionErrorKind};

/// A decoded picture: 8 bits a channel, rows from the top, channels interleaved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// A picture over `pixels`, which hold `height` rows of `width` pixels of `channels` bytes:
    /// 1 for grey, 3 for red, green, blue.
    ///
    /// # Errors
    /// [`VisionErrorKind::ShapeMismatch`] when a side is zero, the channels are neither 1 nor 3, or
    /// the number of bytes is another.
    pub fn new(
        width: usize,
        height: usize,
        channels: usize,
        pixels: Vec<u8>,
    ) -> Result<Self, VisionError> {
        let expected = width.checked_mul(height).and_then(|area| area.checked_mul(channels));
        let sides = width > 0 && height > 0 && matches!(channels, 1 | 3);
        if sides && expected == Some(pixels.len()) {
            return Ok(Self { width, height, channels, pixels });
        }
        Err(VisionError::new(
            VisionErrorKind::ShapeMismatch,
            format!("{} bytes are no {width} x {height} x {channels} picture", pixels.len()),
        ))
    }

    /// As [`Self::new`], for bytes that are known to fit.
    pub(crate) fn of(width: usize, height: usize, channels: usize, pixels: Vec<u8>) -> Self {
        debug_assert_eq!(pixels.len(), width * height * channels);
        Self { width, height, channels, pixels }
    }

    /// A picture of one brightness; the sides and channels are already known to be valid.
    pub(crate) fn even(width: usize, height: usize, channels: usize, brightness: u8) -> Self {
        Self::of(width, height, channels, vec![brightness; width * height * channels])
    }

    /// A black picture.
    pub(crate) fn black(width: usize, height: usize, channels: usize) -> Self {
        Self::even(width, height, channels, 0)
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Bytes a pixel: 1 (grey) or 3 (red, green, blue).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All rows, one after another.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels of row `y`, `y < height`.
    pub(crate) fn row(&self, y: usize) -> &[u8] {
        let stride = self.width * self.channels;
        &self.pixels[y * stride..(y + 1) * stride]
    }

    pub(crate) fn row_mut(&mut self, y: usize) -> &mut [u8] {
        let stride = self.width * self.channels;
        &mut self.pixels[y * stride..(y + 1) * stride]
    }

    /// Copies the part of `source` at (`left`, `top`) that covers this picture.
    pub(crate) fn crop_of(
        source: &Self,
        left: usize,
        top: usize,
        width: usize,
        height: usize,
    ) -> Self {
        let mut crop = Self::black(width, height, source.channels);
        let columns = left * source.channels..(left + width) * source.channels;
        for y in 0..height {
            crop.row_mut(y).copy_from_slice(&source.row(top + y)[columns.clone()]);
        }
        crop
    }

    /// Copies a picture of the same channels into this one at (`left`, `top`), where it fits.
    pub(crate) fn paste(&mut self, picture: &Self, left: usize, top: usize) {
        let columns = left * self.channels..(left + picture.width) * self.channels;
        for y in 0..picture.height {
            self.row_mut(top + y)[columns.clone()].copy_from_slice(picture.row(y));
        }
    }

    /// A window that may reach beyond the right and lower borders, where it repeats the border.
    pub(crate) fn window(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
        let mut window = Self::black(width, height, self.channels);
        let channels = self.channels;
        let left = left.min(self.width);
        let inside = width.min(self.width - left);
        for y in 0..height {
            let source = self.row((top + y).min(self.height - 1));
            let (copied, repeated) = window.row_mut(y).split_at_mut(inside * channels);
            copied.copy_from_slice(&source[left * channels..][..inside * channels]);
            let last = &source[(self.width - 1) * channels..];
            repeated.chunks_exact_mut(channels).for_each(|pixel| pixel.copy_from_slice(last));
        }
        window
    }

    /// The same picture in grey, by the ITU-R 601 weights and rounding that Pillow uses.
    pub(crate) fn to_gray(&self) -> Self {
        if self.channels == 1 {
            return self.clone();
        }
        let gray = self.pixels.chunks_exact(3).map(|pixel| {
            let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
            ((red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16) as u8
        });
        Self { channels: 1, pixels: gray.collect(), ..*self }
    }

    /// The same picture with three channels.
    pub(crate) fn to_rgb(&self) -> Self {
        if self.channels == 3 {
            return self.clone();
        }
        let pixels = self.pixels.iter().flat_map(|&gray| [gray; 3]).collect();
        Self { channels: 3, pixels, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_must_fit_the_sides() {
        assert!(Picture::new(2, 2, 3, vec![0; 12]).is_ok());
        for (width, height, channels, bytes) in
            [(2, 2, 3, 11), (0, 2, 3, 0), (2, 2, 4, 16), (usize::MAX, 2, 3, 6)]
        {
            let error = Picture::new(width, height, channels, vec![0; bytes]).unwrap_err();
            assert_eq!(error.kind(), VisionErrorKind::ShapeMismatch);
        }
    }

    #[test]
    fn a_window_repeats_the_border() {
        let picture = Picture::new(2, 2, 1, vec![1, 2, 3, 4]).unwrap();
        assert_eq!(picture.window(0, 0, 3, 3).pixels(), [1, 2, 2, 3, 4, 4, 3, 4, 4]);
        assert_eq!(picture.window(1, 1, 2, 1).pixels(), [4, 4]);
        assert_eq!(picture.window(4, 0, 1, 2).pixels(), [2, 4]);
    }

    #[test]
    fn gray_has_the_weights_of_the_eye() {
        let picture = Picture::new(3, 1, 3, vec![255, 0, 0, 0, 255, 0, 0, 0, 255]).unwrap();
        assert_eq!(picture.to_gray().pixels(), [76, 150, 29]);
    }
}
