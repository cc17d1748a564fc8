//! NNEF as tract writes it, in one archive, read without trust.
//!
//! tract's own reader recurses over the text, tries alternatives again and again, and takes memory
//! for what a header says. So the archive is read here, and tract gets what has been looked at.

mod tensor;
mod text;

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    sync::Arc,
};

use flate2::bufread::GzDecoder;
use tract_nnef::{
    ast::{Identifier, ProtoModel, QuantFormat, parse::parse_document, quant::parse_quantization},
    framework::Nnef,
};
use tract_onnx::{WithOnnx, prelude::*};

const GRAPH: &str = "graph.nnef";
const QUANTISATION: &str = "graph.quant";
const TENSOR: &str = ".dat";
/// The one fragment that tract writes for every model; others could call each other without end.
const PROPERTIES: &str = "tract_core_properties";
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// No compressed byte stands for more than so many.
const MOST_INFLATED: u64 = 1032;

/// NNEF with what tract adds to it.
fn framework() -> Nnef {
    tract_nnef::nnef().with_tract_resource().with_onnx()
}

/// Writes a decluttered model; the same one gives the same bytes.
///
/// # Errors
/// Those of the file as [`std::io::Error`], else what NNEF has no words for.
pub(crate) fn write<W: Write>(model: &TypedModel, into: W) -> TractResult<W> {
    framework().write_to_tar_with_config(model, into, false, true)
}

/// Reads a model from an archive of `length` bytes, compressed or not.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(archive: impl Read, length: u64) -> TractResult<TypedModel> {
    let mut archive = BufReader::with_capacity(1 << 16, archive);
    let proto = if archive.fill_buf()?.starts_with(&GZIP) {
        read_archive(GzDecoder::new(archive), length.saturating_mul(MOST_INFLATED))?
    } else {
        read_archive(archive, length)?
    };
    framework().model_for_proto_model(&proto)
}

fn read_archive(archive: impl Read, most: u64) -> TractResult<ProtoModel> {
    let mut document = None;
    let mut tensors = HashMap::new();
    let mut quantization = None;
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_str().map(str::to_owned);
        let path = path.ok_or_else(|| TractError::msg("a name in it is not UTF-8"))?;
        let path = path.strip_prefix("./").unwrap_or(&path);
        if entry.size() > most {
            return Err(TractError::msg(format!("{path} would be longer than the archive")));
        }
        let is_new = if path == GRAPH {
            document.replace(text::read(&mut entry)?).is_none()
        } else if path == QUANTISATION {
            quantization.replace(quantisation(&text::read(&mut entry)?)?).is_none()
        } else if let Some(label) = path.strip_suffix(TENSOR) {
            let size = entry.size();
            let tensor = tensor::read(&mut entry, size);
            let tensor = tensor.map_err(|error| error.context(path.to_owned()))?;
            tensors.insert(Identifier(label.to_owned()), Arc::new(tensor)).is_none()
        } else {
            return Err(TractError::msg(format!("it holds {path}, which is no part of a model")));
        };
        if !is_new {
            return Err(TractError::msg(format!("it holds {path} twice")));
        }
    }
    let text = document.ok_or_else(|| TractError::msg(format!("it holds no {GRAPH}")))?;
    text::check(&text).map_err(TractError::msg)?;
    let doc = parse_document(&text)?;
    if let Some(other) = doc.fragments.iter().find(|fragment| fragment.decl.id.0 != PROPERTIES) {
        let message =
            format!("its graph has a part of its own, {}, which is not read", other.decl.id.0);
        return Err(TractError::msg(message));
    }
    let proto = ProtoModel { doc, tensors, quantization, resources: HashMap::new() };
    proto.validate()?;
    Ok(proto)
}

fn quantisation(text: &str) -> TractResult<HashMap<Identifier, QuantFormat>> {
    text::check(text).map_err(TractError::msg)?;
    Ok(parse_quantization(text)?.into_iter().collect())
}
