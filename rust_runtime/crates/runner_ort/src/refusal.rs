//! What ONNX Runtime's errors mean in the contract's terms.

use ort::{Error, ErrorCode};
use runner_core::{Device, LoadError, LoadErrorKind, RunnerConfig, onnx::OnnxModel};

/// Marks of a model that is well formed and asks for more than the engine has.
const UNSUPPORTED: [&str; 5] = [
    "is not a registered function/op",
    "No Op registered for",
    "Could not find an implementation for",
    "Unsupported model IR version",
    "ONNX Runtime only *guarantees* support",
];
/// What a device without room for the weights says.
const FULL: &str = "Failed to allocate memory for requested buffer";
/// What runs say for which a device has no room; `Conv` knows no size for its workspace then.
const NO_ROOM: [&str; 5] =
    [FULL, "out of memory", "ALLOC_FAILED", "resource allocation failed", "Integer overflow"];
const LIMIT: usize = 600;

/// The load error for a model that the engine refuses.
///
/// `fixed` tells that the user's shapes stand in place of symbols, so that a shape that cannot be
/// is the user's and not the model's.
pub(crate) fn refused(
    config: &RunnerConfig,
    declared: &OnnxModel,
    fixed: bool,
    error: Error,
) -> LoadError {
    let text = on_one_line(error.message());
    let external = !declared.external.is_empty();
    let kind = match config.device {
        Device::Cuda(_) if is_of_cuda(error.code(), &text) => LoadErrorKind::DeviceUnavailable,
        _ => kind_of(error.code(), &text, external, fixed),
    };
    let message = match operator_in(&text, declared) {
        Some(operator) => format!("operator {operator}: {text}"),
        None => text,
    };
    LoadError::new(kind, &config.source.name(), message).with_source(error)
}

/// Whether the engine says that a device's memory is full.
pub(crate) fn is_full(text: &str) -> bool {
    NO_ROOM.iter().any(|sign| text.contains(sign))
}

fn is_of_cuda(code: ErrorCode, text: &str) -> bool {
    code == ErrorCode::ExecutionProviderFailure
        || ["CUDA", "CUDNN", "CUBLAS", FULL].iter().any(|sign| text.contains(sign))
}

fn kind_of(code: ErrorCode, text: &str, external: bool, fixed: bool) -> LoadErrorKind {
    let unsupported = UNSUPPORTED.iter().any(|sign| text.contains(sign));
    match code {
        ErrorCode::NotImplemented => LoadErrorKind::Unsupported,
        _ if unsupported => LoadErrorKind::Unsupported,
        ErrorCode::NoSuchFile => LoadErrorKind::Unreadable,
        _ if external && text.to_lowercase().contains("external") => LoadErrorKind::Unreadable,
        _ if fixed && text.contains("ShapeInferenceError") => LoadErrorKind::ShapeMismatch,
        _ => LoadErrorKind::Corrupt,
    }
}

/// The operator that the text names: a word of the model's that stands as ONNX Runtime writes
/// operators, `Conv(11)`, `(Conv)`, `domain:Conv` or `Conv,`.
fn operator_in<'a>(text: &str, declared: &'a OnnxModel) -> Option<&'a str> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let before = &rest[..start];
        let word = &rest[start..];
        let end = word.find(|letter| !is_word(letter)).unwrap_or(word.len());
        let after = &word[end..];
        let placed = after.starts_with(['(', ')', ',']) || before.ends_with([':', '(']);
        let known = declared.nodes.iter().find(|node| node.operator == word[..end]);
        if let (true, Some(node)) = (placed, known) {
            return Some(&node.operator);
        }
        rest = after;
    }
    None
}

/// The engine's text without the place in its sources, on one line of bounded length.
pub(crate) fn on_one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = failure(&text).map(str::to_owned).or_else(|| without_source(&text)).unwrap_or(text);
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What a call of NVIDIA's libraries answered: it stands between the call's place in the sources
/// and what was called.
fn failure(text: &str) -> Option<&str> {
    let start = ["CUDA failure ", "CUDNN failure ", "CUBLAS failure "]
        .iter()
        .find_map(|sign| text.find(sign))?;
    text[start..].split(" ;").next()
}

/// The text without its first `/path/file.cc:12 type function(type, type<type(type)>) const `.
fn without_source(text: &str) -> Option<String> {
    let (start, _) = text
        .match_indices('/')
        .filter(|&(start, _)| start == 0 || text[..start].ends_with(' '))
        .find(|&(start, _)| is_place(&text[start..]))?;
    let rest = after_signature(&text[start..]).filter(|rest| !rest.is_empty())?;
    Some(format!("{}{rest}", &text[..start]))
}

fn is_place(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or_default();
    word.rsplit_once(':').is_some_and(|(file, line)| {
        [".cc", ".h", ".cpp", ".cu"].iter().any(|ending| file.ends_with(ending))
            && line.parse::<u32>().is_ok()
    })
}

fn after_signature(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (index, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ => continue,
        }
        if depth == 0 {
            let rest = text[index + 1..].trim_start();
            return Some(rest.strip_prefix("const ").unwrap_or(rest));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use runner_core::onnx::Node;

    use super::*;

    fn model(operators: &[&str]) -> OnnxModel {
        let node = |name: &&str| Node { operator: (*name).to_owned(), ..Node::default() };
        OnnxModel { nodes: operators.iter().map(node).collect(), ..OnnxModel::default() }
    }

    #[test]
    fn the_operator_is_found_where_the_engine_writes_it() {
        let model = model(&["If", "Frobnicate", "Cast"]);
        for (text, operator) in [
            ("Fatal error: com.x:Frobnicate(-1) is not a registered function/op", "Frobnicate"),
            ("In Node, (\"\", Frobnicate, \"\", -1) : Error", "Frobnicate"),
            ("Could not find an implementation for Cast(13) node with name 'If'", "Cast"),
            ("Node (n) Op (Cast) [ShapeInferenceError] If it", "Cast"),
        ] {
            assert_eq!(operator_in(text, &model), Some(operator), "{text}");
        }
        assert_eq!(operator_in("If this fails, Casting fails", &model), None);
        assert_eq!(operator_in("", &model), None);
    }

    #[test]
    fn the_place_in_the_sources_is_left_out() {
        let text = "/src/core/model.cc:256 onnxruntime::Model::Model(onnx::P&&, std::function<void \
                    (int)>, const f&) const Unsupported model\n IR version: 99";
        assert_eq!(on_one_line(text), "Unsupported model IR version: 99");
        let text = "Exception during initialization: /src/a.h:1 A::A(int) [FAIL] : short";
        assert_eq!(on_one_line(text), "Exception during initialization: [FAIL] : short");
        let text = "[with T = e; U = v] /src/cuda_call.cc:146 s<T, v, S> o::Call(T, const char*) \
                    [with T = e; U = v] CUDA failure 2: out of memory ; GPU=0 ; file=/a.cc ; line=1";
        assert_eq!(on_one_line(text), "CUDA failure 2: out of memory");
        for kept in ["/model.cc is (odd) and kept", "/a.cc:7 f(", "/a.cc:7 f)", "/a.cc:7 f()", ""] {
            assert_eq!(on_one_line(kept), kept);
        }
        assert_eq!(on_one_line(&"ä".repeat(LIMIT + 1)).chars().count(), LIMIT + 1);
    }

    #[test]
    fn what_a_device_has_no_room_for_is_no_fault_of_the_file() {
        let full = "Exception during initialization: Failed to allocate memory for requested \
                    buffer of size 9437184";
        let lost = "CUDA failure 2: out of memory";
        for text in [full, lost] {
            assert!(is_of_cuda(ErrorCode::RuntimeException, text), "{text}");
            assert!(is_full(text), "{text}");
        }
        for text in [
            "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
            "CUBLAS failure 3: the resource allocation failed",
            "Non-zero status code returned while running Conv node. Name:'/conv1/Conv' Status \
             Message: Integer overflow",
        ] {
            assert!(is_full(text), "{text}");
        }
        assert!(!is_full("CUDNN failure 3000: CUDNN_STATUS_NOT_SUPPORTED"));
        assert!(!is_of_cuda(ErrorCode::RuntimeException, "Exception during initialization"));
    }

    #[test]
    fn kinds_follow_code_and_text() {
        use ErrorCode::{GenericFailure, InvalidGraph, InvalidProtobuf, NotImplemented};
        let shape = "Node (mm) Op (MatMul) [ShapeInferenceError] Incompatible dimensions";
        for (code, text, external, fixed, kind) in [
            (NotImplemented, "", false, false, LoadErrorKind::Unsupported),
            (
                InvalidGraph,
                "Error No Op registered for X",
                false,
                false,
                LoadErrorKind::Unsupported,
            ),
            (InvalidProtobuf, "parsing failed", true, true, LoadErrorKind::Corrupt),
            (GenericFailure, shape, false, true, LoadErrorKind::ShapeMismatch),
            (GenericFailure, shape, false, false, LoadErrorKind::Corrupt),
            (GenericFailure, "External data is short", true, false, LoadErrorKind::Unreadable),
            (GenericFailure, "External data is short", false, false, LoadErrorKind::Corrupt),
        ] {
            assert_eq!(kind_of(code, text, external, fixed), kind, "{text}");
        }
    }
}
