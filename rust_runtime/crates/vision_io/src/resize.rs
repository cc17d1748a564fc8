use std::borrow::Cow;

use crate::{
    Filter, MAX_PIXELS, Mode, Picture, Placement, Resize, VisionError, VisionErrorKind,
    convolution::{Window, convolved},
    sampling::{cubic, linear, nearest},
};

/// Brings a picture to a size: exactly as Pillow does with antialias, and within 1 of 255 as
/// PyTorch does without.
///
/// # Errors
/// [`VisionErrorKind::InvalidContract`] when the size is not possible, and
/// [`VisionErrorKind::TooLarge`] when so long a picture would grow too large before it is cut.
pub fn resize(picture: &Picture, to: &Resize) -> Result<Picture, VisionError> {
    to.check()?;
    let placement = Placement::new([picture.width(), picture.height()], Some(to));
    check_size(picture, &placement)?;
    let [width, height] = placement.taken;
    let [left, top] = placement.offset.map(isize::unsigned_abs);
    let cut = to.mode == Mode::CenterCrop;
    let window = if cut {
        Window { columns: left..left + width, rows: top..top + height }
    } else {
        Window { columns: 0..placement.scaled[0], rows: 0..placement.scaled[1] }
    };
    let scaled = scaled(picture, placement.scaled, to, &window);
    if cut || placement.scaled == placement.taken {
        return Ok(scaled);
    }
    let mut ground = Picture::even(width, height, picture.channels(), to.pad);
    ground.paste(&scaled, left, top);
    Ok(ground)
}

fn check_size(picture: &Picture, placement: &Placement) -> Result<(), VisionError> {
    let [width, height] = placement.scaled;
    if placement.scaled == placement.taken || width.saturating_mul(height) as u64 <= MAX_PIXELS {
        return Ok(());
    }
    let message = format!(
        "a picture of {} x {} pixels would have {width} x {height} before it is cut",
        picture.width(),
        picture.height()
    );
    Err(VisionError::new(VisionErrorKind::TooLarge, message))
}

/// The part `window` of a picture brought to `size`.
fn scaled(picture: &Picture, size: [usize; 2], to: &Resize, window: &Window) -> Picture {
    let whole = match (to.filter, to.antialias) {
        _ if size == [picture.width(), picture.height()] => Cow::Borrowed(picture),
        (Filter::Nearest, antialias) => Cow::Owned(nearest(picture, size, antialias)),
        (Filter::Bilinear, false) => Cow::Owned(linear(picture, size)),
        (Filter::Bicubic, false) => Cow::Owned(cubic(picture, size)),
        (filter, antialias) => return convolved(picture, size, (filter, antialias), window),
    };
    let (columns, rows) = (&window.columns, &window.rows);
    if [columns.len(), rows.len()] == size {
        return whole.into_owned();
    }
    Picture::crop_of(&whole, columns.start, rows.start, columns.len(), rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

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
