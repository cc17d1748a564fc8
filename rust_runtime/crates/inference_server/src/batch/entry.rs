use std::time::Instant;

use runner_core::{ModelInfo, NamedTensors, Tensor};
use tokio::sync::oneshot;

use super::{ability::Batching, join};
use crate::{InferReply, InferRequest, Priority, ServerError};

/// What a request is answered with.
pub(crate) type Answer = Result<InferReply, ServerError>;

/// What requests must have in common to share a run: element type and axes but the first of every
/// input, and the outputs that are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    axes: Vec<usize>,
    outputs: Option<Vec<String>>,
}

impl Key {
    fn of(inputs: &NamedTensors, outputs: Option<&Vec<String>>) -> Self {
        let mut axes = Vec::new();
        for (_, tensor) in inputs {
            axes.extend([tensor.dtype() as usize, tensor.shape().len()]);
            axes.extend(tensor.shape().iter().skip(1));
        }
        Self { axes, outputs: outputs.cloned() }
    }
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Entry {
    /// Counts up in the order of arrival.
    pub(super) id: u64,
    pub(super) key: Key,
    /// Length of axis 0; 1 where requests are not batched.
    pub(super) rows: usize,
    pub(super) bytes: usize,
    pub(super) priority: Priority,
    /// In the order of the model's inputs.
    pub(super) inputs: NamedTensors,
    pub(super) outputs: Option<Vec<String>>,
    pub(super) arrived: Instant,
    /// From when on it has its place in the queue: a part of a picture has the picture's, so that
    /// what came first is done first, however many parts it takes.
    pub(super) since: Instant,
    pub(super) deadline: Instant,
    /// Whether it is one of several runs for a request, which whoever asks for them counts.
    pub(super) part: bool,
    pub(super) reply: oneshot::Sender<Answer>,
}

impl Entry {
    /// A request in the form of the queue, with the other end of its reply.
    ///
    /// # Errors
    /// [`crate::ErrorKind::BadInput`] when its inputs are not those of the model.
    pub(super) fn new(
        request: InferRequest,
        (info, batching): (&ModelInfo, &Batching),
        (deadline, part): (Instant, bool),
    ) -> Result<(Self, oneshot::Receiver<Answer>), ServerError> {
        let bytes = request.bytes();
        let InferRequest { inputs, outputs, priority, received, .. } = request;
        let inputs = in_order(info, inputs)?;
        check_outputs(info, outputs.as_deref())?;
        let rows = if batching.is_possible() { common_rows(&inputs)? } else { 1 };
        let (reply, answer) = oneshot::channel();
        let key = Key::of(&inputs, outputs.as_ref());
        let arrived = Instant::now();
        let entry = Self {
            id: 0,
            key,
            rows,
            bytes,
            priority,
            inputs,
            outputs,
            arrived,
            since: if part { received.min(arrived) } else { arrived },
            deadline,
            part,
            reply,
        };
        Ok((entry, answer))
    }

    /// Whether nobody waits for the answer any more.
    pub(super) fn is_left(&self) -> bool {
        self.reply.is_closed()
    }
}

/// The inputs in the model's order.
fn in_order(info: &ModelInfo, mut inputs: NamedTensors) -> Result<NamedTensors, ServerError> {
    let specs = &info.inputs;
    if specs.len() == inputs.len() && specs.iter().zip(&inputs).all(|(a, (b, _))| a.name == *b) {
        return Ok(inputs);
    }
    let mut ordered = NamedTensors::with_capacity(specs.len());
    for spec in specs {
        let place = inputs
            .iter()
            .position(|(name, _)| *name == spec.name)
            .ok_or_else(|| ServerError::bad_input("the input is missing").with_input(&spec.name))?;
        ordered.push(inputs.swap_remove(place));
    }
    match inputs.first() {
        None => Ok(ordered),
        Some((name, _)) => {
            Err(ServerError::bad_input("the model has no such input, or it comes twice")
                .with_input(name))
        }
    }
}

fn check_outputs(info: &ModelInfo, wanted: Option<&[String]>) -> Result<(), ServerError> {
    let unknown = wanted
        .unwrap_or_default()
        .iter()
        .find(|name| !info.outputs.iter().any(|spec| spec.name == **name));
    match unknown {
        None => Ok(()),
        Some(name) => Err(ServerError::bad_input("the model has no such output").with_input(name)),
    }
}

/// The length of axis 0, which all inputs of a batch share.
fn common_rows(inputs: &NamedTensors) -> Result<usize, ServerError> {
    let mut common = None;
    for (name, tensor) in inputs {
        let rows = rows_of(tensor).map_err(|error| error.with_input(name))?;
        if *common.get_or_insert(rows) != rows {
            let message = "its first axis has another length than that of the other inputs";
            return Err(ServerError::bad_input(message).with_input(name));
        }
    }
    Ok(common.unwrap_or(1))
}

fn rows_of(tensor: &Tensor) -> Result<usize, ServerError> {
    match join::rows(tensor) {
        None => Err(ServerError::bad_input("expected a batch, got a scalar")),
        Some(0) => Err(ServerError::bad_input("expected a batch, got an empty one")),
        Some(rows) => Ok(rows),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::testing::{info, input, one_to_one, spec, tensor};

    /// An entry of these axes; the id is its place in time.
    pub(in crate::batch) fn entry(id: u64, shape: &[usize]) -> (Entry, oneshot::Receiver<Answer>) {
        let model = one_to_one(&["n", "w"]);
        let request = InferRequest::new(input(shape, id as f32));
        let deadline = Instant::now() + std::time::Duration::from_hours(1);
        let made = Entry::new(request, (&model, &Batching::Possible), (deadline, false));
        let (entry, answer) = made.unwrap();
        (Entry { id, ..entry }, answer)
    }

    #[test]
    fn shapes_but_for_the_first_axis_and_outputs_make_the_key() {
        let key = |shape: &[usize]| entry(0, shape).0.key;
        assert_eq!(key(&[1, 4]), key(&[3, 4]));
        assert_ne!(key(&[1, 4]), key(&[1, 5]));
        let wanted = vec!["y".to_owned()];
        let inputs = input(&[1, 4], 0.0);
        assert_ne!(Key::of(&inputs, Some(&wanted)), Key::of(&inputs, None));
        let integers = vec![(
            "x".to_owned(),
            Tensor::from(runner_core::ndarray::ArrayD::<i32>::zeros(vec![1, 4])),
        )];
        assert_ne!(Key::of(&inputs, None), Key::of(&integers, None));
        // Two axes of one input are not the axes of two.
        let two = vec![("a".into(), tensor(&[1, 4], 0.0)), ("b".into(), tensor(&[1, 5], 0.0))];
        assert_ne!(Key::of(&two, None), Key::of(&input(&[1, 4, 5], 0.0), None));
    }

    #[test]
    fn inputs_come_into_the_models_order_and_others_are_refused() {
        let model = info(vec![spec("a", &["n"]), spec("b", &["n"])], vec![spec("y", &["n"])]);
        let of_names = |names: &[&str], rows: &[usize]| -> NamedTensors {
            names.iter().zip(rows).map(|(n, rows)| ((*n).into(), tensor(&[*rows], 0.0))).collect()
        };
        let queued = |inputs| {
            let request = InferRequest::new(inputs);
            Entry::new(request, (&model, &Batching::Possible), (Instant::now(), false))
        };
        let (entry, _answer) = queued(of_names(&["b", "a"], &[2, 2])).unwrap();
        let names: Vec<&str> = entry.inputs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, entry.rows, entry.bytes), (vec!["a", "b"], 2, 16));
        for (names, rows, culprit) in [
            (&["a"][..], &[1][..], "b"),
            (&["a", "b", "c"], &[1, 1, 1], "c"),
            (&["a", "b", "a"], &[1, 1, 1], "a"),
            (&["a", "b"], &[1, 2], "b"),
            (&["a", "b"], &[0, 0], "a"),
        ] {
            let error = queued(of_names(names, rows)).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::BadInput, "{error}");
            assert_eq!(error.input(), Some(culprit), "{error}");
        }
    }
}
