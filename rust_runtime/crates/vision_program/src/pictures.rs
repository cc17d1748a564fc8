use ndarray::ArrayD;
use runner_core::{Dim, NamedTensors, Tensor};
use serde::Serialize;
use vision_io::{
    ImageOutput, Layout, Picture, Placement, Postprocess, Prediction, Preprocess, Resize, Span,
    TilePlan, Tiling, postprocess, preprocess, resize,
};

use crate::{Fault, session::Session};

const DEFAULT_TILE: usize = 256;

/// How a picture went through the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub(crate) enum Way {
    /// At its own size.
    Direct,
    /// At the size of the model's contract.
    Contract,
    /// Brought to the model's size and back.
    Resized { width: usize, height: usize },
    /// In tiles of one size.
    Tiled { tiles: usize, width: usize, height: usize },
}

impl Way {
    /// What the user should know about the result, where there is something.
    pub(crate) fn note(&self) -> Option<String> {
        match self {
            Self::Resized { width, height } => Some(format!(
                "the model takes pictures of {width} x {height} pixels only; this one was resized \
                 to that and back, which costs detail"
            )),
            _ => None,
        }
    }
}

/// What the user wants of a picture: what the outputs mean, or the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    Prediction,
    Tensors,
}

/// What came out; tensors with the place of the picture in the input.
pub(crate) enum Answer {
    Prediction(Prediction),
    Tensors(NamedTensors, Placement),
}

/// Runs the model on a picture, by the way that its contract and its size allow.
pub(crate) fn run(
    session: &mut Session,
    picture: &Picture,
    want: Want,
    tile: Option<usize>,
) -> Result<(Answer, Way), Fault> {
    let input = session.contract.preprocess.clone().ok_or_else(|| {
        Fault::bad(format!("{} does not say how it takes pictures", session.info().model))
            .with_hint(
                "Set `preprocess` in the model's config and convert it again, or give a tensor as \
                 a .npy file.",
            )
    })?;
    let output = output_contract(session, want)?;
    let sides = sides(session, input.layout)?;
    let tiling = session.contract.tiling.filter(|_| in_tiles(output.as_ref()));
    if let (None, Some(tiling)) = (input.resize, tiling) {
        let spans = (span(sides.0, tile, &tiling), span(sides.1, tile, &tiling));
        let plan = TilePlan::new(picture, &tiling, spans)?;
        return run_tiled(session, picture, &plan, (&input, as_image(output.as_ref())));
    }
    if tile.is_some_and(|side| side > 0) {
        return Err(Fault::bad("this model does not work in tiles").with_hint("Leave out --tile."));
    }
    let fits = |side: Option<usize>, length| side.is_none_or(|side| side == length);
    if input.resize.is_some() || (fits(sides.0, picture.width()) && fits(sides.1, picture.height()))
    {
        let way = if input.resize.is_some() { Way::Contract } else { Way::Direct };
        let answer = run_once(session, picture, (&input, output.as_ref()))?;
        return Ok((answer, way));
    }
    run_resized(session, picture, (&input, output.as_ref()), sides)
}

fn output_contract(session: &Session, want: Want) -> Result<Option<Postprocess>, Fault> {
    match (want, &session.contract.postprocess) {
        (Want::Tensors, _) => Ok(None),
        (Want::Prediction, None | Some(Postprocess::Raw(_))) => Err(session.no_picture()),
        (Want::Prediction, Some(output)) => Ok(Some(output.clone())),
    }
}

/// Whether tiles can be put together again.
fn in_tiles(output: Option<&Postprocess>) -> bool {
    matches!(output, None | Some(Postprocess::Image(_)))
}

fn as_image(output: Option<&Postprocess>) -> Option<&ImageOutput> {
    match output {
        Some(Postprocess::Image(output)) => Some(output),
        _ => None,
    }
}

/// Width and height that the model's input is fixed to, where it is.
fn sides(session: &Session, layout: Layout) -> Result<(Option<usize>, Option<usize>), Fault> {
    let info = session.info();
    let [spec] = &info.inputs[..] else {
        let message = format!("{} has {} inputs, not one picture", info.model, info.inputs.len());
        return Err(Fault::bad(message).with_hint("Give each as --input NAME=FILE.npy."));
    };
    let [_, first, second, third] = &spec.dims[..] else {
        let message = format!("{} takes {}, which is no picture", info.model, spec.dims_text());
        return Err(Fault::bad(message).with_hint("Give the input as a .npy file."));
    };
    let fixed = |dim: &Dim| match dim {
        Dim::Fixed(length) => Some(*length),
        Dim::Symbol(_) => None,
    };
    Ok(match layout {
        Layout::Nchw => (fixed(third), fixed(second)),
        Layout::Nhwc => (fixed(second), fixed(first)),
    })
}

fn span(fixed: Option<usize>, tile: Option<usize>, tiling: &Tiling) -> Span {
    match (fixed, tile) {
        (Some(side), _) => Span::Exactly(side),
        (None, Some(0)) => Span::Whole,
        (None, Some(side)) => Span::AtMost(side),
        // At least half of every tile is kept, so that the work at most quadruples.
        (None, None) => {
            let reach = tiling.overlap.next_multiple_of(tiling.multiple);
            Span::AtMost(DEFAULT_TILE.max(4 * reach).next_multiple_of(tiling.multiple))
        }
    }
}

fn run_tiled(
    session: &mut Session,
    picture: &Picture,
    plan: &TilePlan,
    (input, output): (&Preprocess, Option<&ImageOutput>),
) -> Result<(Answer, Way), Fault> {
    let run = |tile: ArrayD<f32>| session.run_to_array(tile);
    let answer = if let Some(output) = output {
        let made = plan.run_picture(picture, (input, output), run)?;
        Answer::Prediction(Prediction::Image(made))
    } else {
        let array = plan.run_tensor(picture, input, run)?;
        let name = session.info().outputs.first().map(|spec| spec.name.clone());
        let placement = Placement::new([picture.width(), picture.height()], None);
        Answer::Tensors(vec![(name.unwrap_or_default(), Tensor::from(array))], placement)
    };
    let (width, height) = (plan.horizontal.side(), plan.vertical.side());
    Ok((answer, Way::Tiled { tiles: plan.count(), width, height }))
}

fn run_once(
    session: &mut Session,
    picture: &Picture,
    (input, output): (&Preprocess, Option<&Postprocess>),
) -> Result<Answer, Fault> {
    let outputs = session.run_single(preprocess(picture, input)?)?;
    let sides = [picture.width(), picture.height()];
    let placement = Placement::new(sides, input.resize.as_ref());
    let Some(output) = output else { return Ok(Answer::Tensors(outputs, placement)) };
    Ok(Answer::Prediction(postprocess(&outputs, output, &placement)?))
}

/// The result has the picture's size times whatever factor the model itself enlarges by.
fn run_resized(
    session: &mut Session,
    picture: &Picture,
    (input, output): (&Preprocess, Option<&Postprocess>),
    sides: (Option<usize>, Option<usize>),
) -> Result<(Answer, Way), Fault> {
    let (own_width, own_height) = (picture.width(), picture.height());
    let (width, height) = (sides.0.unwrap_or(own_width), sides.1.unwrap_or(own_height));
    let Some(output) = output.filter(|output| in_tiles(Some(output))) else {
        let message = format!(
            "the model takes pictures of {width} x {height} pixels, this one has {own_width} x \
             {own_height}"
        );
        return Err(Fault::bad(message).with_hint(
            "Set `preprocess.resize` in the model's config and convert it again, or resize the \
             picture.",
        ));
    };
    let smaller = resize(picture, &Resize::stretch(width, height))?;
    let answer = run_once(session, &smaller, (input, Some(output)))?;
    let Answer::Prediction(Prediction::Image(result)) = answer else {
        return Err(Fault::bad("the model gave no picture"));
    };
    let back =
        Resize::stretch(own_width * result.width() / width, own_height * result.height() / height);
    let way = Way::Resized { width, height };
    Ok((Answer::Prediction(Prediction::Image(resize(&result, &back)?)), way))
}
