use std::collections::HashMap;

use crate::{mended::mended, weights};
use runner_core::{
    Content, LoadError, LoadErrorKind,
    onnx::{ExternalData, Node, OnnxModel},
};
use tract_onnx::{
    Onnx,
    model::ParseResult,
    pb::ModelProto,
    prelude::*,
    tract_hir::infer::{Factoid, InferenceFact},
};

/// Domains whose operators tract knows by name.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// A model whose inputs can still be given any shape that it allows.
#[derive(Debug, Clone)]
pub(crate) enum Graph {
    /// Parsed from ONNX: nothing is known of its values.
    Parsed(InferenceModel),
    /// Prepared: analysed, with symbols where lengths may change.
    Prepared(TypedModel),
}

impl Graph {
    pub(crate) fn parse(
        name: &str,
        content: Content,
        declared: &OnnxModel,
        external: &ExternalData,
    ) -> Result<Self, LoadError> {
        #[cfg(all(target_family = "wasm", target_feature = "simd128"))]
        crate::wasm_kernel::enter();
        // Value infos repeat the symbols of a dynamic export, which would contradict the lengths
        // that `typed` puts in their place.
        let onnx = tract_onnx::onnx().with_ignore_value_info(true);
        check_operators(name, &onnx, declared)?;
        let (proto, lacking) = weights::read(name, &content, external)?;
        let folder = external.folder.as_ref().and_then(|folder| folder.to_str());
        let model = parse(&onnx, &proto, folder)
            .and_then(|parsed| weights::put(parsed, lacking, content))
            .map_err(|error| LoadError::new(LoadErrorKind::Unsupported, name, chain(&error)))?;
        let known = model.inputs.iter().map(|outlet| &model.node(outlet.node).name);
        if !known.eq(declared.inputs.iter().map(|input| &input.name)) {
            let message = "tract sees other inputs than the file declares";
            return Err(LoadError::new(LoadErrorKind::Unsupported, name, message));
        }
        Ok(Self::Parsed(model))
    }

    /// The model with these input facts, analysed and ready to run or to be optimised further.
    pub(crate) fn typed(&self, facts: Vec<InferenceFact>) -> TractResult<TypedModel> {
        let mut model = match self {
            Self::Parsed(model) => model.clone(),
            Self::Prepared(model) => return with_lengths(model, &facts),
        };
        for (index, fact) in facts.into_iter().enumerate() {
            model.set_input_fact(index, fact)?;
        }
        mended(model.into_typed()?)
    }

    pub(crate) fn symbol(&self, name: &str) -> Symbol {
        match self {
            Self::Parsed(model) => model.symbols.sym(name),
            Self::Prepared(model) => model.symbols.sym(name),
        }
    }
}

/// The model with lengths in place of the symbols for which the facts have lengths.
fn with_lengths(model: &TypedModel, facts: &[InferenceFact]) -> TractResult<TypedModel> {
    let mut lengths = HashMap::new();
    for (index, fact) in facts.iter().enumerate() {
        let dims = model.input_fact(index)?.shape.iter();
        for (dim, given) in dims.zip(fact.shape.dims()) {
            if let (TDim::Sym(symbol), Some(length)) = (dim, given.concretize()) {
                lengths.insert(symbol.clone(), length);
            }
        }
    }
    lengths.retain(|_, length| length.to_i64().is_ok());
    if lengths.is_empty() { Ok(model.clone()) } else { model.set_symbols(&lengths) }
}

fn parse(onnx: &Onnx, proto: &ModelProto, folder: Option<&str>) -> TractResult<ParseResult> {
    let parsed = onnx.parse(proto, folder)?;
    if let Some(name) = parsed.unresolved_inputs.first() {
        return Err(TractError::msg(format!("nothing in the graph makes the value {name:?}")));
    }
    Ok(parsed)
}

fn check_operators(name: &str, onnx: &Onnx, declared: &OnnxModel) -> Result<(), LoadError> {
    let known = |node: &&Node| {
        DOMAINS.contains(&node.domain.as_str()) && onnx.op_register.0.contains_key(&node.operator)
    };
    let mut lacking: Vec<String> = declared
        .nodes
        .iter()
        .filter(|node| !known(node))
        .map(|node| match node.domain.as_str() {
            "" => node.operator.clone(),
            domain => format!("{domain}.{}", node.operator),
        })
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    lacking.sort();
    lacking.dedup();
    let message = format!("tract has no operator {}", lacking.join(", "));
    Err(LoadError::new(LoadErrorKind::Unsupported, name, message))
}

/// An engine's error with its causes, on one line of bounded length.
pub(crate) fn chain(error: &TractError) -> String {
    const LIMIT: usize = 600;
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let text = causes.join(": ").split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
