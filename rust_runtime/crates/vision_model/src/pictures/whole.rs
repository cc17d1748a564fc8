use ndarray::ArrayD;
use runner_core::NamedTensors;
use vision_io::{
    Picture, Placement, Postprocess, Prediction, Preprocess, Resize, postprocess, preprocess,
    resize,
};

use super::{Answer, Way, in_tiles};
use crate::{ModelError, ModelErrorKind};

/// A picture that goes through the model at once.
#[derive(Debug)]
pub(super) struct Whole {
    /// Until the input is made of it.
    picture: Option<Picture>,
    input: Preprocess,
    output: Option<Postprocess>,
    placement: Placement,
    /// The sides that were brought to the model's, where they were.
    own_sides: Option<[usize; 2]>,
    answer: Option<Answer>,
}

impl Whole {
    pub(super) fn new(
        picture: Picture,
        input: Preprocess,
        output: Option<Postprocess>,
        sides: (Option<usize>, Option<usize>),
    ) -> Result<(Way, Self), ModelError> {
        let (own_width, own_height) = (picture.width(), picture.height());
        let (width, height) = (sides.0.unwrap_or(own_width), sides.1.unwrap_or(own_height));
        let (way, picture, own_sides) = if input.resize.is_some() {
            (Way::Contract, picture, None)
        } else if (width, height) == (own_width, own_height) {
            (Way::Direct, picture, None)
        } else {
            check_brought_back(output.as_ref(), [width, height], [own_width, own_height])?;
            let smaller = resize(&picture, &Resize::stretch(width, height))?;
            (Way::Resized { width, height }, smaller, Some([own_width, own_height]))
        };
        let placement = Placement::new([picture.width(), picture.height()], input.resize.as_ref());
        let picture = Some(picture);
        Ok((way, Self { picture, input, output, placement, own_sides, answer: None }))
    }

    pub(super) fn ends_quickly(&self) -> bool {
        matches!(self.output, None | Some(Postprocess::Classification(_)))
    }

    pub(super) fn input_bytes(&self) -> usize {
        let [width, height] = self.placement.taken;
        input_bytes(&self.input, [width, height])
    }

    pub(super) fn next_input(&mut self) -> Result<Option<ArrayD<f32>>, ModelError> {
        let made = self.picture.take().map(|picture| preprocess(&picture, &self.input));
        Ok(made.transpose()?)
    }

    pub(super) fn accept(&mut self, outputs: NamedTensors) -> Result<(), ModelError> {
        self.answer = Some(match &self.output {
            None => Answer::Tensors(outputs, self.placement),
            Some(output) => {
                let made = postprocess(&outputs, output, &self.placement)?;
                Answer::Prediction(self.brought_back(made)?)
            }
        });
        Ok(())
    }

    pub(super) fn finish(self) -> Option<Answer> {
        self.answer
    }

    /// The result has the picture's size times whatever factor the model itself enlarges by.
    fn brought_back(&self, made: Prediction) -> Result<Prediction, ModelError> {
        let (Some([own_width, own_height]), Prediction::Image(result)) = (self.own_sides, &made)
        else {
            return Ok(made);
        };
        let [width, height] = self.placement.picture;
        let back = Resize::stretch(
            own_width * result.width() / width,
            own_height * result.height() / height,
        );
        Ok(Prediction::Image(resize(result, &back)?))
    }
}

/// Bytes of the tensor that a picture of these sides becomes.
pub(super) fn input_bytes(input: &Preprocess, [width, height]: [usize; 2]) -> usize {
    let pixels = width.saturating_mul(height);
    pixels.saturating_mul(input.color.channels() * size_of::<f32>())
}

/// Only a picture can be brought back to the size of the one that went in.
fn check_brought_back(
    output: Option<&Postprocess>,
    [width, height]: [usize; 2],
    [own_width, own_height]: [usize; 2],
) -> Result<(), ModelError> {
    if output.is_some() && in_tiles(output) {
        return Ok(());
    }
    let message = format!(
        "the model takes pictures of {width} x {height} pixels, this one has {own_width} x \
         {own_height}"
    );
    Err(ModelError::new(ModelErrorKind::PictureSize, message).with_hint(
        "Set `preprocess.resize` in the model's config and convert it again, or resize the picture.",
    ))
}
