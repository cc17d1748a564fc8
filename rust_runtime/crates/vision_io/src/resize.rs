use std::error::Error;

use fast_image_resize::{
    FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::{U16, U16x3},
};

use crate::{
    Filter, MAX_PIXELS, Picture, Placement, Resize, VisionError, VisionErrorKind,
    sampling::{average, cubic, linear, nearest},
};

const ROWS_AT_ONCE: usize = 32;

/// Brings a picture to a size: as Pillow does with antialias and as PyTorch does without, each
/// within 1 of 255.
///
/// # Errors
/// [`VisionErrorKind::InvalidContract`] when the size is not possible, and
/// [`VisionErrorKind::TooLarge`] when so long a picture would grow too large before it is cut.
pub fn resize(picture: &Picture, to: &Resize) -> Result<Picture, VisionError> {
    let placement = Placement::new([picture.width(), picture.height()], Some(to));
    if placement.scaled == placement.taken {
        return scale(picture, placement.scaled, to);
    }
    let [scaled_width, scaled_height] = placement.scaled;
    let [width, height] = placement.taken;
    check_size(picture, placement.scaled)?;
    let scaled = scale(picture, placement.scaled, to)?;
    let [left, top] = placement.offset.map(isize::unsigned_abs);
    if scaled_width >= width && scaled_height >= height {
        return Ok(Picture::crop_of(&scaled, left, top, width, height));
    }
    let mut ground = Picture::even(width, height, picture.channels(), to.pad);
    ground.paste(&scaled, left, top);
    Ok(ground)
}

fn check_size(picture: &Picture, [width, height]: [usize; 2]) -> Result<(), VisionError> {
    if width.saturating_mul(height) as u64 <= MAX_PIXELS {
        return Ok(());
    }
    let message = format!(
        "a picture of {} x {} pixels would have {width} x {height} before it is cut",
        picture.width(),
        picture.height()
    );
    Err(VisionError::new(VisionErrorKind::TooLarge, message))
}

fn scale(picture: &Picture, size: [usize; 2], to: &Resize) -> Result<Picture, VisionError> {
    if size == [picture.width(), picture.height()] {
        return Ok(picture.clone());
    }
    let library = |kernel| {
        let widened = to.antialias;
        if widened { ResizeAlg::Convolution(kernel) } else { ResizeAlg::Interpolation(kernel) }
    };
    let kernel = match (to.filter, to.antialias) {
        (Filter::Nearest, antialias) => return Ok(nearest(picture, size, antialias)),
        (Filter::Box, antialias) => return Ok(average(picture, size, antialias)),
        (Filter::Bilinear, false) => return Ok(linear(picture, size)),
        (Filter::Bicubic, false) => return Ok(cubic(picture, size)),
        (Filter::Bicubic, true) => FilterType::CatmullRom,
        (Filter::Bilinear, true) => FilterType::Bilinear,
        (Filter::Hamming, _) => FilterType::Hamming,
        (Filter::Lanczos, _) => FilterType::Lanczos3,
    };
    convolve(picture, size, library(kernel))
}

fn convolve(
    picture: &Picture,
    size: [usize; 2],
    algorithm: ResizeAlg,
) -> Result<Picture, VisionError> {
    let own = [picture.width(), picture.height()];
    let pass = if picture.channels() == 1 { pass::<U16> } else { pass::<U16x3> };
    let half = pass(picture, halfway(own, size), algorithm);
    half.and_then(|half| pass(&half, size, algorithm)).map_err(|error| {
        let ([own_width, own_height], [width, height]) = (own, size);
        let message = format!(
            "a picture of {own_width} x {own_height} pixels cannot be brought to {width} x \
             {height}: {error}"
        );
        VisionError::new(VisionErrorKind::InvalidContract, message)
    })
}

/// The sides after the first of two passes, which is over the height where that shrinks much more
/// than the width, as Pillow has it from its version 13 on. The order shows, because each pass
/// rounds and clips to 8 bits.
pub(crate) fn halfway(
    [own_width, own_height]: [usize; 2],
    [width, height]: [usize; 2],
) -> [usize; 2] {
    let less_width = own_width.cast_signed() - width.cast_signed();
    let less_height = own_height.cast_signed() - height.cast_signed();
    if less_height > 0 && less_height > 2 * less_width {
        [own_width, height]
    } else {
        [width, own_height]
    }
}

/// A pixel as the library takes it: it reckons 8 bits so coarsely that an error of the first pass
/// may grow in the second, but 16 bits, which hold 8 as they are, exactly.
trait Sample: PixelTrait {
    fn read(bytes: &[u8]) -> Self;
    fn write(&self, bytes: &mut Vec<u8>);
}

impl Sample for U16 {
    fn read(bytes: &[u8]) -> Self {
        Self::new(u16::from(bytes[0]))
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(clipped(self.0));
    }
}

impl Sample for U16x3 {
    fn read(bytes: &[u8]) -> Self {
        Self::new([bytes[0], bytes[1], bytes[2]].map(u16::from))
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.0.map(clipped));
    }
}

fn clipped(value: u16) -> u8 {
    value.min(u16::from(u8::MAX)) as u8
}

/// Resamples along one axis. For one kind of pixel: the library's own choice at run time would
/// compile it for all of them, which takes a minute.
fn pass<P: Sample>(
    picture: &Picture,
    [width, height]: [usize; 2],
    algorithm: ResizeAlg,
) -> Result<Picture, Box<dyn Error>> {
    let (own_width, own_height) = (picture.width(), picture.height());
    if (width, height) == (own_width, own_height) {
        return Ok(picture.clone());
    }
    let channels = picture.channels();
    // Rows that do not meet are taken a few at a time, which keeps their 16 bits in the cache.
    let at_once = if height == own_height { ROWS_AT_ONCE } else { own_height };
    let mut pixels = Vec::with_capacity(width * height * channels);
    for rows in picture.pixels().chunks(at_once * own_width * channels) {
        let source: Vec<P> = rows.chunks_exact(channels).map(P::read).collect();
        let own_rows = source.len() / own_width;
        let rows = if height == own_height { own_rows } else { height };
        let mut made = vec![P::default(); width * rows];
        let source = TypedImageRef::new(own_width as u32, own_rows as u32, &source)?;
        let mut target = TypedImage::from_pixels_slice(width as u32, rows as u32, &mut made)?;
        let options = ResizeOptions::new().resize_alg(algorithm);
        Resizer::new().resize_typed(&source, &mut target, &options)?;
        for pixel in &made {
            pixel.write(&mut pixels);
        }
    }
    Ok(Picture::of(width, height, channels, pixels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mode;

    #[test]
    fn the_ground_has_the_brightness_wanted() {
        let picture = Picture::new(2, 1, 1, vec![7, 9]).unwrap();
        let to = Resize { mode: Mode::Fit, pad: 114, ..Resize::stretch(2, 4) };
        let fitted = resize(&picture, &to).unwrap();
        assert_eq!(fitted.pixels(), [114, 114, 7, 9, 114, 114, 114, 114]);
    }

    #[test]
    fn a_long_picture_does_not_fill_the_memory() {
        let line = Picture::new(16_384, 1, 1, vec![0; 16_384]).unwrap();
        let to = Resize { mode: Mode::CenterCrop, ..Resize::stretch(224, 224) };
        let error = resize(&line, &to).unwrap_err();
        assert_eq!(error.kind(), VisionErrorKind::TooLarge, "{error}");
        assert!(error.to_string().contains("3670016 x 224"), "{error}");
    }
}
