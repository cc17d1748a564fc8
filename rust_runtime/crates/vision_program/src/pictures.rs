use ndarray::ArrayD;
use runner_core::{Dim, NamedTensors, Tensor};
use serde::Serialize;
use vision_io::{
    Filter, ImageOutput, Layout, Mode, Picture, Postprocess, Preprocess, Resize, Span, TilePlan,
    Tiling, postprocess, preprocess, resize,
};

use crate::{
    Fault,
    session::{Session, single_array},
};

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

/// What the user wants of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    Picture,
    Tensors,
}

/// What came out.
pub(crate) enum Answer {
    Picture(Picture),
    Tensors(NamedTensors),
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
    if let (None, Some(tiling)) = (input.resize, session.contract.tiling) {
        let spans = (span(sides.0, tile, &tiling), span(sides.1, tile, &tiling));
        let plan = TilePlan::new(picture, &tiling, spans)?;
        return run_tiled(session, picture, &plan, (&input, output.as_ref()));
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

fn output_contract(session: &Session, want: Want) -> Result<Option<ImageOutput>, Fault> {
    match (want, &session.contract.postprocess) {
        (Want::Tensors, _) => Ok(None),
        (Want::Picture, Some(Postprocess::Image(output))) => Ok(Some(output.clone())),
        (Want::Picture, _) => {
            Err(Fault::bad(format!("what {} gives is not a picture", session.info().model))
                .with_hint("Name an output that ends in .npy, for the numbers."))
        }
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
        Answer::Picture(plan.run_picture(picture, (input, output), run)?)
    } else {
        let array = plan.run_tensor(picture, input, run)?;
        let name = session.info().outputs.first().map(|spec| spec.name.clone());
        Answer::Tensors(vec![(name.unwrap_or_default(), Tensor::from(array))])
    };
    let (width, height) = (plan.horizontal.side(), plan.vertical.side());
    Ok((answer, Way::Tiled { tiles: plan.count(), width, height }))
}

fn run_once(
    session: &mut Session,
    picture: &Picture,
    (input, output): (&Preprocess, Option<&ImageOutput>),
) -> Result<Answer, Fault> {
    let outputs = session.run_single(preprocess(picture, input)?)?;
    match output {
        Some(output) => Ok(Answer::Picture(postprocess(&single_array(outputs)?, output)?)),
        None => Ok(Answer::Tensors(outputs)),
    }
}

/// The result has the picture's size times whatever factor the model itself enlarges by.
fn run_resized(
    session: &mut Session,
    picture: &Picture,
    (input, output): (&Preprocess, Option<&ImageOutput>),
    sides: (Option<usize>, Option<usize>),
) -> Result<(Answer, Way), Fault> {
    let (own_width, own_height) = (picture.width(), picture.height());
    let (width, height) = (sides.0.unwrap_or(own_width), sides.1.unwrap_or(own_height));
    let Some(output) = output else {
        let message = format!(
            "the model takes pictures of {width} x {height} pixels, this one has {own_width} x \
             {own_height}"
        );
        return Err(Fault::bad(message).with_hint(
            "Set `preprocess.resize` in the model's config and convert it again, or resize the \
             picture.",
        ));
    };
    let to = |width, height| Resize {
        width,
        height,
        mode: Mode::Stretch,
        filter: Filter::Bicubic,
        antialias: true,
    };
    let smaller = resize(picture, &to(width, height))?;
    let Answer::Picture(result) = run_once(session, &smaller, (input, Some(output)))? else {
        return Err(Fault::bad("the model gave no picture"));
    };
    let back = to(own_width * result.width() / width, own_height * result.height() / height);
    let way = Way::Resized { width, height };
    Ok((Answer::Picture(resize(&result, &back)?), way))
}
