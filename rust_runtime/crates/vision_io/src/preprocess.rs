use std::borrow::Cow;

use ndarray::{Array4, ArrayD, Axis};

use crate::{Color, Layout, Picture, Preprocess, VisionError, contract::Constants, resize::resize};

/// Turns a picture into the model's tensor: `[1, C, H, W]` or `[1, H, W, C]`.
///
/// # Errors
/// [`crate::VisionErrorKind::InvalidContract`] when the contract's size is not possible.
pub fn preprocess(picture: &Picture, contract: &Preprocess) -> Result<ArrayD<f32>, VisionError> {
    let picture = with_channels_of(picture, contract.color);
    let resized = contract.resize.as_ref().map(|to| resize(&picture, to)).transpose()?;
    Ok(normalized(resized.as_ref().unwrap_or(&picture), contract))
}

pub(crate) fn with_channels_of(picture: &Picture, color: Color) -> Cow<'_, Picture> {
    match (color, picture.channels()) {
        (Color::Gray, 1) | (Color::Rgb | Color::Bgr, 3) => Cow::Borrowed(picture),
        (Color::Gray, _) => Cow::Owned(picture.to_gray()),
        _ => Cow::Owned(picture.to_rgb()),
    }
}

/// The tensor of a picture that already has the contract's size and channels.
pub(crate) fn normalized(picture: &Picture, contract: &Preprocess) -> ArrayD<f32> {
    let (channels, height, width) = (picture.channels(), picture.height(), picture.width());
    let (shape, axis) = match contract.layout {
        Layout::Nchw => ([1, channels, height, width], Axis(1)),
        Layout::Nhwc => ([1, height, width, channels], Axis(3)),
    };
    let mut tensor = Array4::zeros(shape);
    let values: Vec<Values> = (0..channels).map(|channel| Values::of(contract, channel)).collect();
    let pixels = picture.pixels();
    match (contract.layout, tensor.as_slice_mut(), values.as_slice()) {
        (Layout::Nchw, Some(places), [red, green, blue]) => {
            // All three at once: each pixel is read once.
            let (first, others) = places.split_at_mut(width * height);
            let (second, third) = others.split_at_mut(width * height);
            let places = first.iter_mut().zip(second).zip(third);
            for (((first, second), third), pixel) in places.zip(pixels.as_chunks::<3>().0) {
                (*first, *second, *third) = (red.at(pixel), green.at(pixel), blue.at(pixel));
            }
        }
        _ => {
            for (mut plane, values) in tensor.axis_iter_mut(axis).zip(&values) {
                for (place, pixel) in plane.iter_mut().zip(pixels.chunks_exact(channels)) {
                    *place = values.at(pixel);
                }
            }
        }
    }
    tensor.into_dyn()
}

/// What a channel of a tensor has for each brightness of its channel of a picture.
struct Values {
    source: usize,
    table: [f32; 256],
}

impl Values {
    fn of(contract: &Preprocess, channel: usize) -> Self {
        let (scale, mean, std) = Constants::of_input(contract).of_channel(channel);
        let value = |pixel: usize| ((pixel as f64 * scale - mean) / std) as f32;
        let source = source_channel(contract.color, channel);
        Self { source, table: std::array::from_fn(value) }
    }

    fn at(&self, pixel: &[u8]) -> f32 {
        self.table[usize::from(pixel[self.source])]
    }
}

/// The channel of a picture that a channel of a tensor is.
pub(crate) fn source_channel(color: Color, channel: usize) -> usize {
    if color == Color::Bgr { 2 - channel } else { channel }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(json: &str) -> Preprocess {
        serde_json::from_str(json).unwrap()
    }

    fn two_pixels() -> Picture {
        Picture::new(2, 1, 3, vec![0, 51, 102, 153, 204, 255]).unwrap()
    }

    #[test]
    fn channels_lie_in_planes() {
        let tensor = preprocess(&two_pixels(), &contract("{}")).unwrap();
        assert_eq!(tensor.shape(), [1, 3, 1, 2]);
        let expected = [0.0, 0.6, 0.2, 0.8, 0.4, 1.0];
        assert!(
            tensor
                .iter()
                .zip(expected)
                .all(|(value, wanted): (&f32, f32)| { (value - wanted).abs() < 1e-7 })
        );
    }

    #[test]
    fn order_layout_and_constants_are_kept() {
        let json = r#"{"color":"bgr","layout":"nhwc","scale":1,"mean":[2,1,0],"std":[1,2,4]}"#;
        let tensor = preprocess(&two_pixels(), &contract(json)).unwrap();
        assert_eq!(tensor.shape(), [1, 1, 2, 3]);
        assert_eq!(tensor.into_raw_vec_and_offset().0, [100.0, 25.0, 0.0, 253.0, 101.5, 38.25]);
    }

    #[test]
    fn gray_is_one_channel() {
        let json = r#"{"color":"gray","scale":1}"#;
        let tensor = preprocess(&two_pixels(), &contract(json)).unwrap();
        assert_eq!(tensor.shape(), [1, 1, 1, 2]);
        assert_eq!(tensor.into_raw_vec_and_offset().0, [42.0, 195.0]);
    }
}
