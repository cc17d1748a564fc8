use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, error::LimitErrorKind,
};

use crate::{Picture, VisionError, VisionErrorKind, sniff::looks_like};

/// The longest side that is decoded, in pixels.
pub const MAX_SIDE: u32 = 16_384;

/// The most pixels that are decoded in one picture.
pub const MAX_PIXELS: u64 = 178_000_000;

/// Decodes a PNG, JPEG, WebP or BMP picture to red, green, blue.
///
/// The format is told from the content, never from a name. EXIF orientation is applied,
/// transparency dropped, 16-bit samples rounded, grey repeated; of an animation the first picture
/// is taken. The header is checked before memory for pixels is taken, and a panic inside a decoder
/// is an error.
///
/// # Errors
/// [`VisionErrorKind::NotAPicture`] (with what it looks like), `UnsupportedFormat`, `TooLarge` or
/// `CorruptPicture`.
pub fn decode(bytes: &[u8]) -> Result<Picture, VisionError> {
    let format = format_of(bytes)?;
    catch_unwind(AssertUnwindSafe(|| decode_as(format, bytes))).unwrap_or_else(|_| {
        let message = format!("the {} decoder gave up on this picture", name_of(format));
        Err(VisionError::new(VisionErrorKind::CorruptPicture, message))
    })
}

fn format_of(bytes: &[u8]) -> Result<ImageFormat, VisionError> {
    match image::guess_format(bytes) {
        Ok(format) if format.reading_enabled() => Ok(format),
        guess => {
            let looks = looks_like(bytes);
            let kind = if guess.is_ok() || looks.ends_with("picture") {
                VisionErrorKind::UnsupportedFormat
            } else {
                VisionErrorKind::NotAPicture
            };
            let message = format!("expected a PNG, JPEG, WebP or BMP picture, found {looks}");
            Err(VisionError::new(kind, message))
        }
    }
}

fn decode_as(format: ImageFormat, bytes: &[u8]) -> Result<Picture, VisionError> {
    let damaged = |error| decode_error(format, error);
    let mut decoder =
        ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let mut limits = Limits::no_limits();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    decoder.set_limits(limits).map_err(damaged)?;
    // Orientation is advice: pictures with a damaged EXIF block are shown as they lie.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    image.apply_orientation(orientation);
    let image = image.into_rgb8();
    let (width, height) = image.dimensions();
    Picture::new(width as usize, height as usize, 3, image.into_raw())
}

fn check_size(width: u32, height: u32) -> Result<(), VisionError> {
    if width == 0 || height == 0 {
        let message = format!("the picture is empty: {width} x {height} pixels");
        return Err(VisionError::new(VisionErrorKind::CorruptPicture, message));
    }
    let pixels = u64::from(width) * u64::from(height);
    if width <= MAX_SIDE && height <= MAX_SIDE && pixels <= MAX_PIXELS {
        return Ok(());
    }
    let message = format!(
        "the picture has {width} x {height} pixels; at most {MAX_SIDE} a side and {} million in \
         all are read",
        MAX_PIXELS / 1_000_000
    );
    Err(VisionError::new(VisionErrorKind::TooLarge, message))
}

fn decode_error(format: ImageFormat, error: ImageError) -> VisionError {
    let name = name_of(format);
    let (kind, what) = match &error {
        ImageError::Unsupported(_) => (VisionErrorKind::UnsupportedFormat, "is of a kind not read"),
        ImageError::Limits(limit)
            if !matches!(limit.kind(), LimitErrorKind::Unsupported { .. }) =>
        {
            (VisionErrorKind::TooLarge, "is too large")
        }
        _ => (VisionErrorKind::CorruptPicture, "is damaged or cut short"),
    };
    VisionError::new(kind, format!("the {name} picture {what}: {error}")).with_source(error)
}

fn name_of(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::WebP => "WebP",
        _ => "BMP",
    }
}
