//! Weights are given to rten apart from the graph, so that it uses them where they are: it copies
//! those that stand in the graph's file.

use std::collections::HashMap;

use rten::ModelOptions;
use runner_core::{
    Content, LoadError,
    onnx::{
        ExternalData, relocated, with_weights_aligned, with_weights_in_place, with_weights_moved,
    },
};

use crate::{Settings, prepared::contents};

/// rten takes only some names of files, wherever the data comes from.
const IN_PLACE: &str = "model.data";
/// f32, u8, i8 and i32 as ONNX counts them: what rten computes with as it is stored.
const AS_STORED: [i64; 4] = [1, 2, 3, 6];

/// Files that are mapped and lent to a model: they must outlive it.
#[derive(Debug, Default)]
pub(crate) struct Mapped(Vec<Content>);

/// The graph's bytes, and the weights in the options.
pub(crate) fn given(
    model: &str,
    content: Content,
    external: &ExternalData,
    settings: Settings,
    options: &mut ModelOptions,
) -> Result<(Vec<u8>, Mapped), LoadError> {
    let mut mapped = Mapped::default();
    if !external.files.is_empty() {
        let graph = apart(model, &content, external, settings, options, &mut mapped)?;
        return Ok((graph, mapped));
    }
    // Bytes that others hold too are copied in any case: so that their weights can stay there.
    let mut content = match content {
        Content::Shared(bytes) => Content::Owned(with_weights_aligned(model, &bytes, &|_| None)?),
        own => own,
    };
    let graph = match &mut content {
        Content::Owned(bytes) => with_weights_moved(model, bytes, IN_PLACE, &AS_STORED)?,
        mapped => with_weights_in_place(model, mapped, IN_PLACE, &AS_STORED, 8)?,
    };
    match graph {
        None => Ok((content.into_vec(), mapped)),
        Some(graph) => {
            give(IN_PLACE, content, options, &mut mapped);
            Ok((graph, mapped))
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
    mapped: &mut Mapped,
) -> Result<Vec<u8>, LoadError> {
    let mut names = HashMap::new();
    let files = contents(model, external, settings.mmap)?;
    for (index, (location, content)) in files.into_iter().enumerate() {
        let name = format!("{index}.data");
        give(&name, content, options, mapped);
        names.insert(location, name);
    }
    relocated(model, graph, &|location| names.get(location).cloned().unwrap_or_default())
}

fn give(name: &str, content: Content, options: &mut ModelOptions, mapped: &mut Mapped) {
    match content {
        Content::Mapped(map) => {
            // SAFETY: the mapping stays where it is when it is moved, and `RtenRunner` holds it
            // until the model, which alone has the slice, is gone: what a run gives is copied.
            let lent = unsafe { std::mem::transmute::<&[u8], &'static [u8]>(&map) };
            options.external_data_static(name, lent);
            mapped.0.push(Content::Mapped(map));
        }
        read => {
            options.external_data(name, read.into_vec());
        }
    }
}
