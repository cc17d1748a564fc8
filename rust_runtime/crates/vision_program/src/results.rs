use std::path::{Path, PathBuf};

use runner_core::{NamedTensors, Tensor};
use serde_json::{Value, json};
use vision_io::{
    Layout, OutputFormat, Placement, Postprocess, Prediction, encode, encode_mask, postprocess,
};

use crate::{Fault, files, session::Session};

/// A file to write, and the output of the model that it is of; `None` for what all of them mean.
pub(crate) struct Output {
    pub(crate) tensor: Option<String>,
    pub(crate) path: PathBuf,
}

/// Refuses files of a kind that is never written.
pub(crate) fn check_ending(path: &Path) -> Result<(), Fault> {
    if files::is_npy(path) || files::is_json(path) {
        return Ok(());
    }
    OutputFormat::from_path(path).map(drop).map_err(|error| {
        Fault::from(error).with_hint(
            "For what a model tells, name a file that ends in .json; for its numbers, in .npy.",
        )
    })
}

/// Refuses files of a kind that this model's results are not written as.
pub(crate) fn check_kind(session: &Session, path: &Path) -> Result<(), Fault> {
    let kind = match &session.contract().postprocess {
        _ if files::is_npy(path) => return Ok(()),
        None | Some(Postprocess::Raw(_)) => return Ok(()),
        Some(kind) => kind,
    };
    let png = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    let (fits, wanted) = match kind {
        Postprocess::Image(_) => (!files::is_json(path), "a picture: .png, .jpg, .jpeg or .webp"),
        Postprocess::Segmentation(_) => (png || files::is_json(path), "a mask: .png or .json"),
        _ => (files::is_json(path), "a document: .json"),
    };
    if fits {
        return Ok(());
    }
    let (file, model) = (path.display(), &session.info().model);
    Err(Fault::bad(format!("{file}: what {model} gives is written as {wanted}"))
        .with_hint("Name an output that ends in one of these, or in .npy for the numbers."))
}

/// Whether a file is to hold what several outputs mean together.
pub(crate) fn is_of_all_outputs(session: &Session, path: &Path) -> bool {
    let detection = matches!(session.contract().postprocess, Some(Postprocess::Detection(_)));
    detection && session.info().outputs.len() > 1 && !files::is_npy(path)
}

/// The placement where a tensor and no picture went in: the input itself is the picture.
pub(crate) fn placement_of_input(session: &Session, shape: &[usize]) -> Placement {
    let layout = session.contract().preprocess.as_ref().map(|input| input.layout);
    let sides = match (shape, layout) {
        ([_, height, width, _], Some(Layout::Nhwc)) | ([_, _, height, width], _) => {
            [*width, *height]
        }
        _ => [1, 1],
    };
    Placement::new(sides, None)
}

/// What tensors mean, when the input was a tensor too.
pub(crate) fn of_tensors(
    session: &Session,
    tensors: &NamedTensors,
    placement: &Placement,
    output: &Output,
) -> Result<Prediction, Fault> {
    let contract = session.contract().postprocess.as_ref().ok_or_else(|| session.no_picture())?;
    let wanted: Vec<(String, Tensor)> = match (&output.tensor, contract) {
        (Some(name), contract) if !matches!(contract, Postprocess::Detection(_)) => {
            tensors.iter().filter(|(own, _)| own == name).cloned().collect()
        }
        _ => return Ok(postprocess(tensors, contract, placement)?),
    };
    Ok(postprocess(&wanted, contract, placement)?)
}

/// Writes a result by the file's ending, and tells what was written.
pub(crate) fn write(prediction: &Prediction, output: &Output) -> Result<Value, Fault> {
    let (bytes, mut done) = content(prediction, &output.path)?;
    files::write(&output.path, &bytes)?;
    done["name"] = json!(output.tensor);
    done["file"] = json!(output.path.display().to_string());
    Ok(done)
}

fn content(prediction: &Prediction, path: &Path) -> Result<(Vec<u8>, Value), Fault> {
    if files::is_json(path) {
        let document = prediction.document();
        let text = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
        return Ok((text.into_bytes(), json!({"kind": kind_of(prediction)})));
    }
    match prediction {
        Prediction::Image(picture) => {
            let done = json!({"width": picture.width(), "height": picture.height()});
            Ok((encode(picture, OutputFormat::from_path(path)?)?, done))
        }
        Prediction::Segmentation(mask) => {
            let kind = kind_of(prediction);
            let done = json!({"kind": kind, "width": mask.width, "height": mask.height});
            Ok((encode_mask(mask)?, done))
        }
        _ => Err(Fault::bad(format!("{} cannot hold this result", path.display()))),
    }
}

fn kind_of(prediction: &Prediction) -> &'static str {
    match prediction {
        Prediction::Image(_) => "image",
        Prediction::Classification(_) => "classification",
        Prediction::Segmentation(_) => "segmentation",
        Prediction::Detection(_) => "detection",
    }
}
