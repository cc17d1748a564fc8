use std::error::Error;

use fast_image_resize::{
    FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::{U8, U8x3},
};

use crate::{Filter, Mode, Picture, Resize, VisionError, VisionErrorKind};

/// Brings a picture to a size, as Pillow does within 1 of 255.
///
/// # Errors
/// [`VisionErrorKind::InvalidContract`] when the size is not possible.
pub fn resize(picture: &Picture, to: &Resize) -> Result<Picture, VisionError> {
    let (width, height) = (to.width, to.height);
    if to.mode == Mode::Stretch {
        return scale(picture, width, height, to.filter);
    }
    let (scaled_width, scaled_height) = scaled_sides(picture, to);
    let scaled = scale(picture, scaled_width, scaled_height, to.filter)?;
    if to.mode == Mode::CenterCrop {
        let (left, top) = ((scaled_width - width) / 2, (scaled_height - height) / 2);
        return Ok(Picture::crop_of(&scaled, left, top, width, height));
    }
    let mut canvas = Picture::black(width, height, picture.channels());
    canvas.paste(&scaled, (width - scaled_width) / 2, (height - scaled_height) / 2);
    Ok(canvas)
}

/// The sides in the picture's own proportions: one is the size's, the other is rounded half up
/// and lies within the size (`fit`) or around it (`center-crop`).
fn scaled_sides(picture: &Picture, to: &Resize) -> (usize, usize) {
    let rounded = |side: usize, from: usize, target: usize| (2 * side * target + from) / (2 * from);
    let wider = picture.width() * to.height >= to.width * picture.height();
    if wider == (to.mode == Mode::Fit) {
        let height = rounded(picture.height(), picture.width(), to.width);
        let limit = if to.mode == Mode::Fit { 1..=to.height } else { to.height..=usize::MAX };
        (to.width, height.clamp(*limit.start(), *limit.end()))
    } else {
        let width = rounded(picture.width(), picture.height(), to.height);
        let limit = if to.mode == Mode::Fit { 1..=to.width } else { to.width..=usize::MAX };
        (width.clamp(*limit.start(), *limit.end()), to.height)
    }
}

/// Resamples rows, then columns. Pillow's order shows: it rounds and clips to 8 bits between them.
fn scale(
    picture: &Picture,
    width: usize,
    height: usize,
    filter: Filter,
) -> Result<Picture, VisionError> {
    if filter == Filter::Nearest || width == picture.width() {
        return resample(picture, width, height, filter);
    }
    let rows = resample(picture, width, picture.height(), filter)?;
    resample(&rows, width, height, filter)
}

fn resample(
    picture: &Picture,
    width: usize,
    height: usize,
    filter: Filter,
) -> Result<Picture, VisionError> {
    if (width, height) == (picture.width(), picture.height()) {
        return Ok(picture.clone());
    }
    let impossible = |error: &dyn Error| {
        let message = format!(
            "a picture of {} x {} pixels cannot be brought to {width} x {height}: {error}",
            picture.width(),
            picture.height()
        );
        VisionError::new(VisionErrorKind::InvalidContract, message)
    };
    let mut pixels = vec![0; width * height * picture.channels()];
    let target = (width as u32, height as u32, &mut pixels[..]);
    match picture.channels() {
        1 => resample_into::<U8>(picture, target, filter),
        _ => resample_into::<U8x3>(picture, target, filter),
    }
    .map_err(|error| impossible(error.as_ref()))?;
    Picture::new(width, height, picture.channels(), pixels)
}

/// For one kind of pixel: the library's own choice at run time would compile it for all of them,
/// which takes a minute.
fn resample_into<P: PixelTrait>(
    picture: &Picture,
    (width, height, pixels): (u32, u32, &mut [u8]),
    filter: Filter,
) -> Result<(), Box<dyn Error>> {
    let (from_width, from_height) = (picture.width() as u32, picture.height() as u32);
    let source = TypedImageRef::<P>::from_buffer(from_width, from_height, picture.pixels())?;
    let mut target = TypedImage::<P>::from_buffer(width, height, pixels)?;
    let options = ResizeOptions::new().resize_alg(algorithm(filter));
    Ok(Resizer::new().resize_typed(&source, &mut target, &options)?)
}

fn algorithm(filter: Filter) -> ResizeAlg {
    match filter {
        Filter::Nearest => ResizeAlg::Nearest,
        Filter::Box => ResizeAlg::Convolution(FilterType::Box),
        Filter::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
        Filter::Hamming => ResizeAlg::Convolution(FilterType::Hamming),
        Filter::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
        Filter::Lanczos => ResizeAlg::Convolution(FilterType::Lanczos3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(width: usize, height: usize, mode: Mode) -> (usize, usize) {
        let picture = Picture::new(width, height, 1, vec![0; width * height]).unwrap();
        let to = Resize { width: 100, height: 50, mode, filter: Filter::Box, antialias: true };
        scaled_sides(&picture, &to)
    }

    #[test]
    fn proportions_are_kept() {
        assert_eq!(sides(200, 100, Mode::Fit), (100, 50));
        assert_eq!(sides(100, 100, Mode::Fit), (50, 50));
        assert_eq!(sides(400, 100, Mode::Fit), (100, 25));
        assert_eq!(sides(1, 1000, Mode::Fit), (1, 50));
        assert_eq!(sides(100, 100, Mode::CenterCrop), (100, 100));
        assert_eq!(sides(400, 100, Mode::CenterCrop), (200, 50));
        assert_eq!(sides(199, 100, Mode::CenterCrop), (100, 50));
    }
}
