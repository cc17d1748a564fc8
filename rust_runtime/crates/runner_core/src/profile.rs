use serde::{Deserialize, Serialize};

/// What one node of an engine's own graph took.
///
/// Engines rewrite what they load, so their nodes are not the file's: `origins` leads back. The
/// times of two nodes never overlap; what runs inside a node (the body of a loop) is in its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeTime {
    /// The engine's name of the node.
    pub name: String,
    /// The engine's name of what it computes.
    pub op_type: String,
    /// The nodes of the ONNX file that it does the work of, by name, or by their first output where
    /// they have none; the one that most of the time goes to comes first, as far as can be told.
    /// None for what the engine added, such as a change of layout.
    pub origins: Vec<String>,
    /// How often it ran.
    pub calls: usize,
    /// Milliseconds in all calls together.
    pub total_ms: f64,
}
