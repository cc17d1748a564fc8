use serde::{Deserialize, Serialize};

use crate::{
    VisionError,
    contract::{Resize, invalid},
};

/// Order and number of a tensor's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// One channel of brightness.
    Gray,
}

impl Color {
    /// 1 or 3.
    pub fn channels(self) -> usize {
        if self == Self::Gray { 1 } else { 3 }
    }
}

/// Order of a tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, channel, row, column.
    #[default]
    Nchw,
    /// Batch, row, column, channel.
    Nhwc,
}

/// How a picture becomes a tensor: `value = (pixel * scale - mean) / std`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Channels of the tensor.
    #[serde(default)]
    pub color: Color,
    /// A fixed size, or the picture's own.
    #[serde(default)]
    pub resize: Option<Resize>,
    /// Factor on pixels of 0 to 255.
    #[serde(default = "one_255th")]
    pub scale: f64,
    /// Taken off, one for each channel or one for all.
    #[serde(default = "zeros")]
    pub mean: Vec<f64>,
    /// Divided by, one for each channel or one for all.
    #[serde(default = "ones")]
    pub std: Vec<f64>,
    /// Axes of the tensor.
    #[serde(default)]
    pub layout: Layout,
}

/// How a tensor becomes a picture: `pixel = (value * std + mean) / scale`, rounded, 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageOutput {
    /// Channels of the tensor.
    #[serde(default)]
    pub color: Color,
    /// As in [`Preprocess::scale`].
    #[serde(default = "one_255th")]
    pub scale: f64,
    /// As in [`Preprocess::mean`].
    #[serde(default = "zeros")]
    pub mean: Vec<f64>,
    /// As in [`Preprocess::std`].
    #[serde(default = "ones")]
    pub std: Vec<f64>,
    /// Axes of the tensor.
    #[serde(default)]
    pub layout: Layout,
}

impl Preprocess {
    pub(crate) fn check(&self) -> Result<(), VisionError> {
        Constants::of_input(self).check("preprocess")?;
        self.resize.as_ref().map_or(Ok(()), Resize::check)
    }
}

/// The numbers that preprocess and postprocess share, with the number of channels.
pub(crate) struct Constants<'a> {
    channels: usize,
    scale: f64,
    mean: &'a [f64],
    std: &'a [f64],
}

impl<'a> Constants<'a> {
    pub(crate) fn of_input(input: &'a Preprocess) -> Self {
        let channels = input.color.channels();
        Self { channels, scale: input.scale, mean: &input.mean, std: &input.std }
    }

    pub(crate) fn of_output(output: &'a ImageOutput) -> Self {
        let channels = output.color.channels();
        Self { channels, scale: output.scale, mean: &output.mean, std: &output.std }
    }

    /// Scale, mean and std of a channel of the tensor.
    pub(crate) fn of_channel(&self, channel: usize) -> (f64, f64, f64) {
        let of = |values: &[f64]| values.get(channel).or(values.first()).copied();
        (self.scale, of(self.mean).unwrap_or(0.0), of(self.std).unwrap_or(1.0))
    }

    pub(crate) fn check(&self, section: &str) -> Result<(), VisionError> {
        for (name, values) in [("mean", self.mean), ("std", self.std)] {
            if ![1, self.channels].contains(&values.len()) {
                return Err(invalid(format!(
                    "{section}: {name} has {} values; expected 1 or {}",
                    values.len(),
                    self.channels
                )));
            }
        }
        let numbers = [self.mean, self.std, &[self.scale]].concat();
        let divides = self.std.iter().chain([&self.scale]).all(|number| *number != 0.0);
        if divides && numbers.iter().all(|number| number.is_finite()) {
            return Ok(());
        }
        Err(invalid(format!("{section}: scale and std must not be 0, and all must be finite")))
    }
}

fn one_255th() -> f64 {
    1.0 / 255.0
}

fn zeros() -> Vec<f64> {
    vec![0.0]
}

fn ones() -> Vec<f64> {
    vec![1.0]
}
