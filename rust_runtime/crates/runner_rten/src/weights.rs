//! Weights are given to rten apart from the graph, so that it uses them where they are: it copies
//! those that stand in the graph's file.

use std::collections::HashMap;

use rten::ModelOptions;
use runner_core::{
    Content, LoadError,
    onnx::{ExternalData, relocated, with_weights_aligned, with_weights_in_place},
};

use crate::{Settings, prepared::contents};

/// rten takes only some names of files, wherever the data comes from.
const IN_PLACE: &str = "model.data";
/// f32, u8, i8 and i32 as ONNX counts them: what rten computes with as it is stored.
const AS_STORED: [i64; 4] = [1, 2, 3, 6];

/// What is lent to a model: it must outlive it.
#[derive(Debug, Default)]
pub(crate) struct Lent(Vec<Content>);

/// The graph's bytes, and the weights in the options.
pub(crate) fn given(
    model: &str,
    content: Content,
    external: &ExternalData,
    settings: Settings,
    options: &mut ModelOptions,
) -> Result<(Vec<u8>, Lent), LoadError> {
    let mut lent = Lent::default();
    if !external.files.is_empty() {
        let graph = apart(model, &content, external, settings, options, &mut lent)?;
        return Ok((graph, lent));
    }
    let mut content = content;
    let mut graph = with_weights_in_place(model, &content, IN_PLACE, &AS_STORED)?;
    // What others hold can be freed once the model is loaded; what rten copies of it cannot.
    if let (Content::Shared(_), None) = (&content, &graph) {
        content = Content::Owned(with_weights_aligned(model, &content, &|_| None)?);
        graph = with_weights_in_place(model, &content, IN_PLACE, &AS_STORED)?;
    }
    match graph {
        None => Ok((content.into_vec(), lent)),
        Some(graph) => {
            give(IN_PLACE, content, options, &mut lent);
            Ok((graph, lent))
        }
    }
}

/// The graph of a model whose weights are in other files, each of which gets a new name.
fn apart(
    model: &str,
    graph: &[u8],
    external: &ExternalData,
    settings: Settings,
    options: &mut ModelOptions,
    lent: &mut Lent,
) -> Result<Vec<u8>, LoadError> {
    let mut names = HashMap::new();
    let files = contents(model, external, settings.mmap)?;
    for (index, (location, content)) in files.into_iter().enumerate() {
        let name = format!("{index}.data");
        give(&name, content, options, lent);
        names.insert(location, name);
    }
    relocated(model, graph, &|location| names.get(location).cloned().unwrap_or_default())
}

fn give(name: &str, content: Content, options: &mut ModelOptions, lent: &mut Lent) {
    match content {
        Content::Owned(bytes) => {
            options.external_data(name, bytes);
        }
        shared => {
            // SAFETY: the bytes stay where they are when what holds them is moved, nobody writes
            // to them, and `RtenRunner` holds them until the model, which alone has the slice, is
            // gone: what a run gives is copied.
            let bytes = unsafe { std::mem::transmute::<&[u8], &'static [u8]>(&shared) };
            options.external_data_static(name, bytes);
            lent.0.push(shared);
        }
    }
}
