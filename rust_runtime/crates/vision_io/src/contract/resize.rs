use serde::{Deserialize, Serialize};

use crate::{VisionError, contract::invalid};

/// How a picture of another shape is brought to the size wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Each side on its own.
    #[default]
    Stretch,
    /// The whole picture in its proportions, centred on an even ground.
    Fit,
    /// The middle of the picture in its proportions, filling the size.
    CenterCrop,
}

/// The resampling filter; each is Pillow's filter of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Filter {
    Nearest,
    Box,
    #[default]
    Bilinear,
    Hamming,
    Bicubic,
    Lanczos,
}

/// A fixed size that pictures are brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// What happens to the proportions.
    #[serde(default)]
    pub mode: Mode,
    /// The resampling filter.
    #[serde(default)]
    pub filter: Filter,
    /// Whether the filter widens with the reduction, as Pillow's does. Without it `nearest`,
    /// `bilinear` and `bicubic` are those of PyTorch's `interpolate`.
    #[serde(default = "yes")]
    pub antialias: bool,
    /// With `fit`: the brightness around the picture.
    #[serde(default)]
    pub pad: u8,
    /// With `center-crop`: the picture's shorter side before the cut; `None` takes the smallest
    /// that covers width and height.
    #[serde(default)]
    pub shorter_side: Option<usize>,
}

impl Resize {
    /// Each side on its own, by Pillow's bicubic filter.
    pub fn stretch(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            mode: Mode::Stretch,
            filter: Filter::Bicubic,
            antialias: true,
            pad: 0,
            shorter_side: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), VisionError> {
        let sides = 1..=crate::MAX_SIDE as usize;
        let all = [Some(self.width), Some(self.height), self.shorter_side];
        if all.into_iter().flatten().any(|side| !sides.contains(&side)) {
            let (width, height) = (self.width, self.height);
            return Err(invalid(format!(
                "preprocess: resize to {width} x {height} is not possible"
            )));
        }
        if self.pad != 0 && self.mode != Mode::Fit {
            return Err(invalid("preprocess: only mode fit pads"));
        }
        match self.shorter_side {
            Some(_) if self.mode != Mode::CenterCrop => {
                Err(invalid("preprocess: shorter_side is for mode center-crop"))
            }
            Some(side) if side < self.width.max(self.height) => {
                Err(invalid("preprocess: shorter_side is shorter than the cut"))
            }
            _ => Ok(()),
        }
    }
}

fn yes() -> bool {
    true
}
