use std::{io::Cursor, path::Path};

use image::{
    ExtendedColorType, ImageEncoder, ImageError,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};

use crate::{Mask, Picture, VisionError, VisionErrorKind};

const JPEG_QUALITY: u8 = 95;
const MAX_WEBP_SIDE: usize = 16_383;

/// A format that pictures are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// Lossless.
    Png,
    /// Quality 95, colour at full width and height (4:4:4).
    Jpeg,
    /// Lossless.
    WebP,
}

impl OutputFormat {
    /// The format that a file's ending asks for.
    ///
    /// # Errors
    /// [`VisionErrorKind::UnsupportedFormat`] for any ending but .png, .jpg, .jpeg and .webp.
    pub fn from_path(path: &Path) -> Result<Self, VisionError> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            "webp" => Ok(Self::WebP),
            _ => Err(VisionError::new(
                VisionErrorKind::UnsupportedFormat,
                format!(
                    "{} does not say in which format to write: it should end in .png, .jpg, \
                     .jpeg or .webp",
                    path.display()
                ),
            )),
        }
    }
}

/// Writes a picture as a file's content.
///
/// # Errors
/// [`VisionErrorKind::NotEncodable`] when the format cannot hold the picture.
pub fn encode(picture: &Picture, format: OutputFormat) -> Result<Vec<u8>, VisionError> {
    let sides = picture.width().max(picture.height());
    if format == OutputFormat::WebP && sides > MAX_WEBP_SIDE {
        let message = format!("WebP holds at most {MAX_WEBP_SIDE} pixels a side, not {sides}");
        return Err(VisionError::new(VisionErrorKind::NotEncodable, message));
    }
    // WebP has no grey.
    let repeated = (format == OutputFormat::WebP).then(|| picture.to_rgb());
    encode_as(repeated.as_ref().unwrap_or(picture), format).map_err(|error| {
        let message = format!("the picture cannot be written: {error}");
        VisionError::new(VisionErrorKind::NotEncodable, message).with_source(error)
    })
}

fn encode_as(picture: &Picture, format: OutputFormat) -> Result<Vec<u8>, ImageError> {
    let color =
        if picture.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let mut bytes = Cursor::new(Vec::new());
    match format {
        OutputFormat::Png => {
            PngEncoder::new(&mut bytes).write_image(picture.pixels(), width, height, color)
        }
        OutputFormat::Jpeg => JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).write_image(
            picture.pixels(),
            width,
            height,
            color,
        ),
        OutputFormat::WebP => WebPEncoder::new_lossless(&mut bytes).write_image(
            picture.pixels(),
            width,
            height,
            color,
        ),
    }?;
    Ok(bytes.into_inner())
}

/// Writes a mask as a PNG file, whose numbers are the class ids: indices of the contract's colours
/// where it has any, else grey of 8 bits, or of 16 above 255 classes.
///
/// # Errors
/// [`VisionErrorKind::NotEncodable`] when the PNG encoder refuses.
pub fn encode_mask(mask: &Mask) -> Result<Vec<u8>, VisionError> {
    mask_as_png(mask).map_err(|error| {
        let message = format!("the mask cannot be written: {error}");
        VisionError::new(VisionErrorKind::NotEncodable, message).with_source(error)
    })
}

fn mask_as_png(mask: &Mask) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, mask.width as u32, mask.height as u32);
    let deep = mask.unseen == u16::MAX;
    encoder.set_depth(if deep { png::BitDepth::Sixteen } else { png::BitDepth::Eight });
    encoder.set_color(png::ColorType::Grayscale);
    if let Some(colors) = mask.colors.as_ref().filter(|_| !deep) {
        let mut palette = colors.concat();
        palette.resize(3 * 256, 0);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(palette);
    }
    let pixels: Vec<u8> = if deep {
        mask.ids.iter().flat_map(|id| id.to_be_bytes()).collect()
    } else {
        mask.ids.iter().map(|id| *id as u8).collect()
    };
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;

    #[test]
    fn lossless_formats_give_the_picture_back() {
        let pixels: Vec<u8> = (0..5 * 3 * 3).map(|value| value as u8 * 5).collect();
        let color = Picture::new(5, 3, 3, pixels.clone()).unwrap();
        let gray = Picture::new(15, 3, 1, pixels).unwrap();
        for format in [OutputFormat::Png, OutputFormat::WebP] {
            assert_eq!(decode(&encode(&color, format).unwrap()).unwrap(), color);
            assert_eq!(decode(&encode(&gray, format).unwrap()).unwrap(), gray.to_rgb());
        }
    }

    #[test]
    fn jpeg_is_close() {
        let pixels: Vec<u8> = (0..32 * 32).flat_map(|value| [(value / 8) as u8; 3]).collect();
        let picture = Picture::new(32, 32, 3, pixels).unwrap();
        let back = decode(&encode(&picture, OutputFormat::Jpeg).unwrap()).unwrap();
        let worst = picture.pixels().iter().zip(back.pixels()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst.unwrap() <= 6, "{worst:?}");
    }

    #[test]
    fn colour_is_at_full_size_in_jpeg() {
        let picture = Picture::new(16, 16, 3, vec![9; 16 * 16 * 3]).unwrap();
        let bytes = encode(&picture, OutputFormat::Jpeg).unwrap();
        let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        let components = bytes[frame + 10..].chunks(3).take(3);
        assert_eq!(components.map(|component| component[1]).collect::<Vec<_>>(), [0x11; 3]);
    }

    #[test]
    fn the_ending_chooses_the_format() {
        assert_eq!(OutputFormat::from_path(Path::new("a/B.JPG")).unwrap(), OutputFormat::Jpeg);
        for name in ["a.tiff", "png", "a"] {
            let error = OutputFormat::from_path(Path::new(name)).unwrap_err();
            assert_eq!(error.kind(), VisionErrorKind::UnsupportedFormat);
        }
    }

    #[test]
    fn what_webp_cannot_hold_is_refused() {
        let wide = Picture::new(16_384, 1, 1, vec![0; 16_384]).unwrap();
        let error = encode(&wide, OutputFormat::WebP).unwrap_err();
        assert_eq!(error.kind(), VisionErrorKind::NotEncodable);
    }
}
