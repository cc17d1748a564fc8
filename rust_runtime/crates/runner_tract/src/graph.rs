use runner_core::{
    LoadError, LoadErrorKind,
    onnx::{ExternalData, Node, OnnxModel},
};
use tract_onnx::{Onnx, pb::ModelProto, prelude::*, tract_hir::infer::InferenceFact};

/// Domains whose operators tract knows by name.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// A parsed model whose inputs can still be given any shape.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    model: InferenceModel,
    /// For each input of the signature, its place among tract's inputs.
    places: Vec<usize>,
}

impl Graph {
    pub(crate) fn parse(
        name: &str,
        bytes: &[u8],
        declared: &OnnxModel,
        external: &ExternalData,
    ) -> Result<Self, LoadError> {
        // Value infos repeat the symbols of a dynamic export, which would contradict the lengths
        // that `typed` puts in their place.
        let onnx = tract_onnx::onnx().with_ignore_value_info(true);
        check_operators(name, &onnx, declared)?;
        let refuse = |kind, error: &TractError| LoadError::new(kind, name, chain(error));
        let proto = onnx
            .proto_model_for_read(&mut &*bytes)
            .map_err(|error| refuse(LoadErrorKind::Corrupt, &error))?;
        let folder = external.folder.as_ref().and_then(|folder| folder.to_str());
        let model = parse(&onnx, &proto, folder)
            .map_err(|error| refuse(LoadErrorKind::Unsupported, &error))?;
        let places = declared
            .inputs
            .iter()
            .map(|input| {
                model.inputs.iter().position(|outlet| model.node(outlet.node).name == input.name)
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                LoadError::new(LoadErrorKind::Unsupported, name, "tract lost an input of the graph")
            })?;
        Ok(Self { model, places })
    }

    /// The model with these input facts, analysed and ready to run or to be optimised further.
    pub(crate) fn typed(&self, facts: Vec<InferenceFact>) -> TractResult<TypedModel> {
        let mut model = self.model.clone();
        for (&place, fact) in self.places.iter().zip(facts) {
            model.set_input_fact(place, fact)?;
        }
        let inputs: Vec<_> = self.places.iter().map(|&place| model.inputs[place]).collect();
        model.set_input_outlets(&inputs)?;
        model.into_typed()
    }

    pub(crate) fn symbol(&self, name: &str) -> Symbol {
        self.model.symbols.sym(name)
    }
}

fn parse(onnx: &Onnx, proto: &ModelProto, folder: Option<&str>) -> TractResult<InferenceModel> {
    let parsed = onnx.parse(proto, folder)?;
    if let Some(name) = parsed.unresolved_inputs.first() {
        return Err(TractError::msg(format!("nothing in the graph makes the value {name:?}")));
    }
    Ok(parsed.model)
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
