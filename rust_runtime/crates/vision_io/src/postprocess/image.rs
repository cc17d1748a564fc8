use ndarray::{ArrayD, ArrayView3, Axis, Ix4};

use crate::{
    ImageOutput, Layout, Picture, VisionError, VisionErrorKind, contract::Constants,
    preprocess::source_channel,
};

/// Turns a model's tensor, `[1, C, H, W]` or `[1, H, W, C]`, into a picture.
///
/// # Errors
/// [`VisionErrorKind::ShapeMismatch`] when the tensor is not one picture of the contract's
/// channels; [`VisionErrorKind::NotFinite`] when it holds NaN or infinity.
pub fn picture_of(tensor: &ArrayD<f32>, contract: &ImageOutput) -> Result<Picture, VisionError> {
    if tensor.iter().any(|value| !value.is_finite()) {
        let message = "the model's output holds NaN or infinity, which no picture can show";
        return Err(VisionError::new(VisionErrorKind::NotFinite, message));
    }
    let shape = tensor.shape();
    let mismatch = || {
        let channels = contract.color.channels();
        let axes = match contract.layout {
            Layout::Nchw => format!("[1, {channels}, H, W]"),
            Layout::Nhwc => format!("[1, H, W, {channels}]"),
        };
        let message = format!("the model's output should be a picture {axes}, but is {shape:?}");
        VisionError::new(VisionErrorKind::ShapeMismatch, message)
    };
    let array = tensor.view().into_dimensionality::<Ix4>().map_err(|_| mismatch())?;
    if array.len_of(Axis(0)) != 1 {
        return Err(mismatch());
    }
    let array = array.index_axis_move(Axis(0), 0);
    let rows_first = match contract.layout {
        Layout::Nchw => array.permuted_axes([1, 2, 0]),
        Layout::Nhwc => array,
    };
    if rows_first.len_of(Axis(2)) != contract.color.channels() || rows_first.is_empty() {
        return Err(mismatch());
    }
    to_picture(&rows_first, contract)
}

fn to_picture(array: &ArrayView3<f32>, contract: &ImageOutput) -> Result<Picture, VisionError> {
    let (height, width, channels) = array.dim();
    let constants = Constants::of_output(contract);
    let numbers: Vec<(f64, f64, f64)> = (0..channels)
        .map(|channel| constants.of_channel(source_channel(contract.color, channel)))
        .collect();
    let mut pixels = Vec::with_capacity(height * width * channels);
    for row in array.outer_iter() {
        for pixel in row.outer_iter() {
            for (channel, (scale, mean, std)) in numbers.iter().enumerate() {
                let value = f64::from(pixel[source_channel(contract.color, channel)]);
                let value = (value * std + mean) / scale;
                pixels.push(value.clamp(0.0, 255.0).round_ties_even() as u8);
            }
        }
    }
    Picture::new(width, height, channels, pixels)
}

#[cfg(test)]
mod tests {
    use ndarray::IxDyn;

    use super::*;
    use crate::{Preprocess, preprocess};

    #[test]
    fn postprocess_undoes_preprocess() {
        let pixels: Vec<u8> = (0..=254).collect();
        let picture = Picture::new(17, 5, 3, pixels).unwrap();
        for json in [
            "{}",
            r#"{"color":"bgr","mean":[0.1,0.2,0.3],"std":[0.5,0.6,0.7]}"#,
            r#"{"layout":"nhwc","scale":1,"mean":[127.5],"std":[127.5]}"#,
        ] {
            let input: Preprocess = serde_json::from_str(json).unwrap();
            let output: ImageOutput = serde_json::from_str(json).unwrap();
            let tensor = preprocess(&picture, &input).unwrap();
            assert_eq!(picture_of(&tensor, &output).unwrap(), picture, "{json}");
        }
    }

    #[test]
    fn values_outside_are_cut_and_what_is_no_picture_is_refused() {
        let contract: ImageOutput = serde_json::from_str("{}").unwrap();
        let tensor = |shape: &[usize], value| ArrayD::from_elem(IxDyn(shape), value);
        let kind = |tensor| picture_of(&tensor, &contract).unwrap_err().kind();
        let white = picture_of(&tensor(&[1, 3, 1, 1], 9.0), &contract).unwrap();
        assert_eq!(white.pixels(), [255; 3]);
        let black = picture_of(&tensor(&[1, 3, 1, 1], -1.0), &contract).unwrap();
        assert_eq!(black.pixels(), [0; 3]);
        assert_eq!(kind(tensor(&[1, 3, 1, 1], f32::NAN)), VisionErrorKind::NotFinite);
        for shape in [&[1, 1, 4, 4][..], &[2, 3, 4, 4], &[3, 4, 4], &[1, 3, 0, 4], &[1, 1000]] {
            assert_eq!(kind(tensor(shape, 0.0)), VisionErrorKind::ShapeMismatch, "{shape:?}");
        }
    }
}
