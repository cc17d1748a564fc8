use crate::{Mode, Resize};

/// Where a picture lies in the network's input: resampled to `scaled`, then put at `offset`.
/// Pairs are of width and height, or of left and top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The picture's own sides.
    pub picture: [usize; 2],
    /// The input's sides.
    pub taken: [usize; 2],
    /// The picture's sides in pixels of the input.
    pub scaled: [usize; 2],
    /// Where the scaled picture starts within the input; negative where the input is a cut of it.
    pub offset: [isize; 2],
}

impl Placement {
    /// Where a picture of these sides comes to lie.
    ///
    /// `fit`: one side is the input's, the other is rounded half up; what is left over is shared,
    /// an odd pixel going to the right or below. `center-crop`: the shorter side is exact, the
    /// longer one is cut off to whole pixels, and the cut is centred, half a pixel going to the
    /// even number, all as in torchvision's `Resize` and `CenterCrop`.
    pub fn new(picture: [usize; 2], resize: Option<&Resize>) -> Self {
        let Some(to) = resize else {
            return Self { picture, taken: picture, scaled: picture, offset: [0; 2] };
        };
        let taken = [to.width, to.height];
        let (scaled, offset) = match to.mode {
            Mode::Stretch => (taken, [0; 2]),
            Mode::Fit => {
                let scaled = inside(picture, taken);
                (scaled, [0, 1].map(|axis| ((taken[axis] - scaled[axis]) / 2).cast_signed()))
            }
            Mode::CenterCrop => {
                let scaled = around(picture, to.shorter_side.map_or(taken, |side| [side; 2]));
                (scaled, [0, 1].map(|axis| -half_to_even(scaled[axis] - taken[axis])))
            }
        };
        Self { picture, taken, scaled, offset }
    }

    /// A place along an axis of the input, in pixels of the picture.
    pub(crate) fn to_picture(self, axis: usize, place: f64) -> f64 {
        let picture = self.picture[axis] as f64;
        (place - self.offset[axis] as f64) * picture / self.scaled[axis] as f64
    }

    /// The middle of a pixel along an axis of the picture, in pixels of the input.
    pub(crate) fn center_in_input(self, axis: usize, pixel: usize) -> f64 {
        let scaled = (pixel as f64 + 0.5) * self.scaled[axis] as f64;
        scaled / self.picture[axis] as f64 + self.offset[axis] as f64
    }
}

fn inside([width, height]: [usize; 2], [to_width, to_height]: [usize; 2]) -> [usize; 2] {
    let rounded = |side: usize, from: usize, target: usize| (2 * side * target + from) / (2 * from);
    if width * to_height >= to_width * height {
        [to_width, rounded(height, width, to_width).clamp(1, to_height)]
    } else {
        [rounded(width, height, to_height).clamp(1, to_width), to_height]
    }
}

fn around([width, height]: [usize; 2], [to_width, to_height]: [usize; 2]) -> [usize; 2] {
    if width * to_height <= to_width * height {
        [to_width, height * to_width / width]
    } else {
        [width * to_height / height, to_height]
    }
}

fn half_to_even(length: usize) -> isize {
    let half = length / 2;
    (half + half % 2 * (length % 2)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(picture: [usize; 2], mode: Mode, shorter_side: Option<usize>) -> Placement {
        let to = Resize { mode, shorter_side, ..Resize::stretch(100, 50) };
        Placement::new(picture, Some(&to))
    }

    #[test]
    fn proportions_are_kept() {
        let fit = |width, height| placed([width, height], Mode::Fit, None);
        assert_eq!((fit(200, 100).scaled, fit(200, 100).offset), ([100, 50], [0, 0]));
        assert_eq!((fit(100, 100).scaled, fit(100, 100).offset), ([50, 50], [25, 0]));
        assert_eq!((fit(400, 102).scaled, fit(400, 102).offset), ([100, 26], [0, 12]));
        assert_eq!((fit(1, 1000).scaled, fit(1, 1000).offset), ([1, 50], [49, 0]));
        let cut = |width, height| placed([width, height], Mode::CenterCrop, None);
        assert_eq!((cut(100, 100).scaled, cut(100, 100).offset), ([100, 100], [0, -25]));
        assert_eq!((cut(400, 100).scaled, cut(400, 100).offset), ([200, 50], [-50, 0]));
        assert_eq!((cut(103, 50).scaled, cut(103, 50).offset), ([103, 50], [-2, 0]));
        assert_eq!((cut(105, 50).scaled, cut(105, 50).offset), ([105, 50], [-2, 0]));
        let shorter = placed([300, 200], Mode::CenterCrop, Some(111));
        assert_eq!((shorter.scaled, shorter.offset), ([166, 111], [-33, -30]));
    }

    #[test]
    fn places_go_there_and_back() {
        for mode in [Mode::Stretch, Mode::Fit, Mode::CenterCrop] {
            let placement = placed([37, 91], mode, None);
            for (axis, length) in placement.picture.into_iter().enumerate() {
                for pixel in 0..length {
                    let place = placement.center_in_input(axis, pixel);
                    let back = placement.to_picture(axis, place);
                    assert!((back - pixel as f64 - 0.5).abs() < 1e-9);
                }
            }
        }
    }
}
