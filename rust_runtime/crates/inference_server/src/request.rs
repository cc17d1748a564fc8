use std::time::{Duration, Instant};

use runner_core::{NamedTensors, Tensor};

/// The two families of paths, which answer a full queue differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `/predict` and its neighbours.
    Predict,
    /// `/v2`: the Open Inference Protocol.
    OpenInference,
}

/// How soon a request is served when several wait: 1 comes first, 255 last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(u8);

impl Priority {
    /// That of a request that names none.
    pub const DEFAULT: Self = Self(100);

    /// The priority of this level; 0 stands for [`Self::DEFAULT`].
    pub fn from_level(level: u8) -> Self {
        if level == 0 { Self::DEFAULT } else { Self(level) }
    }

    /// From 1, served first, to 255.
    pub fn level(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A request as the queue takes it, whatever protocol it came by: every input of the model, once,
/// and checked against the model's specs.
#[derive(Debug, Clone)]
pub struct InferRequest {
    /// The client's own mark, echoed in the reply.
    pub id: Option<String>,
    /// The model's inputs by name, in any order.
    pub inputs: NamedTensors,
    /// Names of the outputs that are wanted, in the order of the reply, each one of the model's;
    /// `None` means all of them in the model's order.
    pub outputs: Option<Vec<String>>,
    /// Who comes first among those that wait.
    pub priority: Priority,
    /// When it came.
    pub received: Instant,
    /// After this nobody waits for the answer any more.
    pub deadline: Option<Instant>,
}

impl InferRequest {
    /// A request for all outputs with the default priority and no deadline, received now.
    pub fn new(inputs: NamedTensors) -> Self {
        Self {
            id: None,
            inputs,
            outputs: None,
            priority: Priority::DEFAULT,
            received: Instant::now(),
            deadline: None,
        }
    }

    /// Bytes that its inputs take in memory.
    pub fn bytes(&self) -> usize {
        tensor_bytes(&self.inputs)
    }
}

/// Bytes that the elements of these tensors take.
pub fn tensor_bytes(tensors: &NamedTensors) -> usize {
    let bytes = |tensor: &Tensor| tensor.len().saturating_mul(tensor.dtype().size());
    tensors.iter().fold(0, |sum, (_, tensor)| sum.saturating_add(bytes(tensor)))
}

/// Where the time of one answer went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From entering the queue to the start of its run.
    pub queue: Duration,
    /// The run of the engine, shared by the whole batch.
    pub compute: Duration,
    /// Length of axis 0 of the run that answered, at least 1.
    pub batch_size: usize,
}

/// The answer to an [`InferRequest`].
#[derive(Debug, Clone)]
pub struct InferReply {
    /// The outputs that were asked for, in that order.
    pub outputs: NamedTensors,
    /// Where the time went.
    pub timing: Timing,
}

#[cfg(test)]
mod tests {
    use runner_core::ndarray::{ArrayD, IxDyn};

    use super::*;

    #[test]
    fn bytes_count_every_input_by_its_element_size() {
        let inputs = vec![
            ("a".to_owned(), ArrayD::<f32>::zeros(IxDyn(&[2, 3])).into()),
            ("b".to_owned(), ArrayD::<u8>::zeros(IxDyn(&[5])).into()),
            ("c".to_owned(), ArrayD::<i64>::zeros(IxDyn(&[])).into()),
        ];
        assert_eq!(InferRequest::new(inputs).bytes(), 24 + 5 + 8);
    }

    #[test]
    fn level_zero_is_the_default_and_one_comes_first() {
        assert_eq!(Priority::from_level(0), Priority::DEFAULT);
        assert!(Priority::from_level(1) < Priority::DEFAULT);
    }
}
