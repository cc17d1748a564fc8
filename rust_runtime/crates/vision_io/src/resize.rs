use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
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
    let impossible = |error: &dyn std::fmt::Display| {
        let message = format!(
            "a picture of {} x {} pixels cannot be brought to {width} x {height}: {error}",
            picture.width(),
            picture.height()
        );
        VisionError::new(VisionErrorKind::InvalidContract, message)
    };
    let pixel = if picture.channels() == 1 { PixelType::U8 } else { PixelType::U8x3 };
    let sides = (picture.width() as u32, picture.height() as u32);
    let source = ImageRef::new(sides.0, sides.1, picture.pixels(), pixel)
        .map_err(|error| impossible(&error))?;
    let mut target = Image::new(width as u32, height as u32, pixel);
    let options = ResizeOptions::new().resize_alg(algorithm(filter));
    Resizer::new().resize(&source, &mut target, &options).map_err(|error| impossible(&error))?;
    Picture::new(width, height, picture.channels(), target.into_vec())
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
