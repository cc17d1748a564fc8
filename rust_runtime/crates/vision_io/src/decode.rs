use std::{
    fmt,
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb,
    RgbImage, error::LimitErrorKind, metadata::Orientation,
};

use crate::{
    Picture, VisionError, VisionErrorKind, jpeg::Scans, sniff::looks_like, webp::has_whole_exif,
};

/// The longest side that is decoded, in pixels.
pub const MAX_SIDE: u32 = 16_384;

/// The most pixels that are decoded in one picture.
pub const MAX_PIXELS: u64 = 178_000_000;

/// A JPEG picture may go over its pixels so often; more is work that no camera asks for.
const USUAL_SCANS: u64 = 16;

/// Decodes a PNG, JPEG, WebP or BMP picture to red, green, blue.
///
/// The format is told from the content, never from a name. EXIF orientation is applied,
/// transparency dropped, grey repeated; of an animation the first picture is taken. Of 16 bits grey
/// is rounded to 8, and of colour and of grey with alpha the upper 8 are taken, as by Pillow. The header is checked before memory for pixels is taken, and a panic inside a decoder
/// is an error.
///
/// # Errors
/// [`VisionErrorKind::NotAPicture`] (with what it looks like), `UnsupportedFormat`, `TooLarge` or
/// `CorruptPicture`.
pub fn decode(bytes: &[u8]) -> Result<Picture, VisionError> {
    Undecoded::open(bytes, MAX_PIXELS)?.decode()
}

/// A picture whose header was read and found fit, and for whose pixels no memory is taken yet.
pub struct Undecoded<'a> {
    format: ImageFormat,
    decoder: Box<dyn ImageDecoder + 'a>,
    orientation: Orientation,
    /// Whether of 16 bits a sample the upper 8 are taken.
    cut: bool,
    memory: u64,
}

impl<'a> Undecoded<'a> {
    /// Reads the header of a picture of at most `most_pixels`, and of [`MAX_PIXELS`] in any case.
    ///
    /// # Errors
    /// As [`decode`]; most damage shows only when the pixels are decoded.
    pub fn open(bytes: &'a [u8], most_pixels: u64) -> Result<Self, VisionError> {
        let format = format_of(bytes)?;
        contained(format, || Self::open_as(format, bytes, most_pixels.min(MAX_PIXELS)))
    }

    fn open_as(format: ImageFormat, bytes: &'a [u8], most: u64) -> Result<Self, VisionError> {
        let damaged = |error| decode_error(format, error);
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(limits(bytes));
        let mut decoder = reader.into_decoder().map_err(damaged)?;
        let (width, height) = decoder.dimensions();
        check_size((width, height), most)?;
        let scans = scans_of(format, bytes)?;
        check_work(&scans, u64::from(width) * u64::from(height), most)?;
        // Orientation is advice: pictures with a damaged EXIF block are shown as they lie.
        let orientation = match format {
            ImageFormat::WebP if !has_whole_exif(bytes) => Orientation::NoTransforms,
            _ => decoder.orientation().unwrap_or(Orientation::NoTransforms),
        };
        let beside = match format {
            ImageFormat::Jpeg => bytes.len(),
            ImageFormat::Png => decoder.icc_profile().ok().flatten().map_or(0, |it| it.len()),
            _ => 0,
        };
        let memory = memory_of(&decoder, format, orientation, &scans) + beside as u64;
        let cut = format == ImageFormat::Png && !is_gray_png(bytes);
        Ok(Self { format, decoder: Box::new(decoder), orientation, cut, memory })
    }

    /// Pixels in a row and rows, as stored: EXIF orientation may exchange them.
    pub fn sides(&self) -> (u32, u32) {
        self.decoder.dimensions()
    }

    /// About how many bytes [`Self::decode`] takes at one time, the result among them.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// Decodes the pixels.
    ///
    /// # Errors
    /// As the function [`decode`].
    pub fn decode(self) -> Result<Picture, VisionError> {
        contained(self.format, || self.decode_pixels())
    }

    fn decode_pixels(self) -> Result<Picture, VisionError> {
        let decoded = DynamicImage::from_decoder(self.decoder);
        let mut image = decoded.map_err(|error| decode_error(self.format, error))?;
        image.apply_orientation(self.orientation);
        let image = if self.cut { upper_bits(image) } else { image.into_rgb8() };
        let (width, height) = image.dimensions();
        Picture::new(width as usize, height as usize, 3, image.into_raw())
    }
}

impl fmt::Debug for Undecoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, memory, .. } = self;
        f.debug_struct("Undecoded")
            .field("format", format)
            .field("sides", &self.sides())
            .field("memory", memory)
            .finish_non_exhaustive()
    }
}

/// What a header may ask for: beside what lies in the file a profile of colours, which a PNG file has
/// compressed and nobody reads. A larger one is left out.
fn limits(bytes: &[u8]) -> Limits {
    const PROFILE: u64 = 4 << 20;
    let mut limits = Limits::no_limits();
    // Texts are there twice, and once more in room for longer ones.
    limits.max_alloc = Some(PROFILE + 4 * bytes.len() as u64);
    limits
}

/// Whether a PNG file is grey without alpha. What the decoder gives does not tell: a colour that is
/// to be transparent has become alpha there.
fn is_gray_png(bytes: &[u8]) -> bool {
    /// Behind the signature, the header's length and name, two sides and the depth.
    const COLOR_TYPE: usize = 8 + 8 + 8 + 1;
    bytes.get(COLOR_TYPE) == Some(&0)
}

/// The picture in red, green, blue, with the upper 8 bits of 16.
fn upper_bits(image: DynamicImage) -> RgbImage {
    let pixel = |samples: [u16; 3]| Rgb(samples.map(|sample| (sample >> 8) as u8));
    let (width, height) = (image.width(), image.height());
    match image {
        DynamicImage::ImageRgb16(deep) => {
            RgbImage::from_fn(width, height, |x, y| pixel(deep.get_pixel(x, y).0))
        }
        DynamicImage::ImageRgba16(deep) => RgbImage::from_fn(width, height, |x, y| {
            let [red, green, blue, _] = deep.get_pixel(x, y).0;
            pixel([red, green, blue])
        }),
        DynamicImage::ImageLumaA16(deep) => RgbImage::from_fn(width, height, |x, y| {
            let [gray, _] = deep.get_pixel(x, y).0;
            pixel([gray; 3])
        }),
        shallow => shallow.into_rgb8(),
    }
}

/// Makes an error of a panic in a decoder.
fn contained<T>(
    format: ImageFormat,
    work: impl FnOnce() -> Result<T, VisionError>,
) -> Result<T, VisionError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
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

fn check_size((width, height): (u32, u32), most: u64) -> Result<(), VisionError> {
    if width == 0 || height == 0 {
        let message = format!("the picture is empty: {width} x {height} pixels");
        return Err(VisionError::new(VisionErrorKind::CorruptPicture, message));
    }
    let pixels = u64::from(width) * u64::from(height);
    if width <= MAX_SIDE && height <= MAX_SIDE && pixels <= most {
        return Ok(());
    }
    let message = format!(
        "the picture has {width} x {height} pixels; at most {MAX_SIDE} a side and {} million in \
         all are read",
        most as f64 / 1e6
    );
    Err(VisionError::new(VisionErrorKind::TooLarge, message))
}

/// The scans of a JPEG picture that is whole: its decoder would fill what lacks with grey.
fn scans_of(format: ImageFormat, bytes: &[u8]) -> Result<Scans, VisionError> {
    if format != ImageFormat::Jpeg {
        return Ok(Scans::default());
    }
    let scans = Scans::of(bytes);
    if scans.whole {
        return Ok(scans);
    }
    let message = "the JPEG picture is damaged or cut short: its end is not where it should be";
    Err(VisionError::new(VisionErrorKind::CorruptPicture, message))
}

/// Refuses a picture of few bytes that is refined again and again.
fn check_work(scans: &Scans, pixels: u64, most: u64) -> Result<(), VisionError> {
    let work = pixels.saturating_mul(scans.count);
    if scans.count <= USUAL_SCANS || work <= most.saturating_mul(USUAL_SCANS) / 4 {
        return Ok(());
    }
    let message = format!("the JPEG picture goes over its pixels {} times", scans.count);
    Err(VisionError::new(VisionErrorKind::TooLarge, message))
}

/// What the decoder's own buffers, its result and the copies made of that come to.
fn memory_of(
    decoder: &impl ImageDecoder,
    format: ImageFormat,
    orientation: Orientation,
    scans: &Scans,
) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let buffers = match format {
        ImageFormat::Jpeg => pixels.saturating_mul(scans.coefficient_bytes()),
        ImageFormat::WebP => 6 * pixels,
        _ => 0,
    };
    let result = decoder.total_bytes();
    let turned = !matches!(
        orientation,
        Orientation::NoTransforms
            | Orientation::FlipHorizontal
            | Orientation::FlipVertical
            | Orientation::Rotate180
    );
    let copies =
        [turned.then_some(result), (decoder.color_type() != ColorType::Rgb8).then_some(3 * pixels)];
    let largest_copy = copies.into_iter().flatten().max().unwrap_or_default();
    result.saturating_add(buffers.max(largest_copy))
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn golden(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/decode");
        std::fs::read(folder.join(name)).unwrap()
    }

    #[test]
    fn the_callers_cap_counts_before_the_pixels_are_decoded() {
        for name in ["rgb.jpg", "rgb.png", "rgb.webp", "rgb.bmp"] {
            let bytes = golden(name);
            let (width, height) = Undecoded::open(&bytes, MAX_PIXELS).unwrap().sides();
            let pixels = u64::from(width) * u64::from(height);
            assert!(Undecoded::open(&bytes, pixels).is_ok(), "{name}");
            let error = Undecoded::open(&bytes, pixels - 1).unwrap_err();
            assert_eq!(error.kind(), VisionErrorKind::TooLarge, "{name}: {error}");
        }
    }

    #[test]
    fn memory_covers_the_picture_and_the_copies_on_the_way() {
        for entry in
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/decode").read_dir().unwrap()
        {
            let path = entry.unwrap().path();
            if !path.is_file() {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let opened = Undecoded::open(&bytes, MAX_PIXELS).unwrap();
            let memory = opened.memory();
            let picture = opened.decode().unwrap();
            assert!(memory >= picture.pixels().len() as u64, "{}", path.display());
            assert!(memory <= 20 * picture.pixels().len() as u64, "{}", path.display());
        }
        let memory = |name| Undecoded::open(&golden(name), MAX_PIXELS).unwrap().memory();
        let pixels = |name| decode(&golden(name)).unwrap().pixels().len() as u64;
        assert_eq!(memory("rgb.png"), pixels("rgb.png"));
        assert_eq!(memory("gray.png"), pixels("gray.png") / 3 + pixels("gray.png"));
        assert_eq!(memory("orientation-6.png"), 2 * pixels("orientation-6.png"));
        assert!(memory("progressive.jpg") >= 3 * pixels("progressive.jpg"));
    }

    #[test]
    fn a_profile_of_colours_is_counted_and_bounded() {
        let plain = golden("rgb.png");
        let memory = |bytes: &[u8]| Undecoded::open(bytes, MAX_PIXELS).unwrap().memory();
        for (kept, megabytes) in [(true, 3), (false, 5), (false, 600)] {
            let mut bytes = Vec::new();
            let mut info = png::Info::with_size(1, 1);
            info.color_type = png::ColorType::Rgb;
            info.icc_profile = Some(vec![0; megabytes << 20].into());
            let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
            encoder.write_header().unwrap().write_image_data(&[0; 3]).unwrap();
            let more = if kept { (megabytes as u64) << 20 } else { 0 };
            assert_eq!(memory(&bytes), 3 + more, "{megabytes}");
            assert_eq!(decode(&bytes).unwrap().pixels(), [0; 3]);
        }
        assert_eq!(memory(&plain), decode(&plain).unwrap().pixels().len() as u64);
    }

    #[test]
    fn few_bytes_cannot_ask_for_work_without_end() {
        let scans = |count| Scans { count, ..Scans::default() };
        assert!(check_work(&scans(USUAL_SCANS), MAX_PIXELS, MAX_PIXELS).is_ok());
        assert!(check_work(&scans(100), MAX_PIXELS / 100, MAX_PIXELS).is_ok());
        let error = check_work(&scans(100), MAX_PIXELS, MAX_PIXELS).unwrap_err();
        assert_eq!(error.kind(), VisionErrorKind::TooLarge);
    }
}
