use super::{GRAPH, IN_ANOTHER_FILE, INITIALIZER, LEAST, RAW, Weight, each_field, without};
use crate::{
    LoadError,
    onnx::{
        ExternalTensor,
        refusal::Refusal,
        relocate::write_place,
        wire::{write_message, write_number},
    },
};

/// Bytes at whose multiples weights lie that are moved: as the largest of their elements wants.
const MOVED_TO: usize = 4;

/// The model without its larger weights, which it says are in the file `location`: that one has
/// the content `bytes`. Only weights of these ONNX element types are meant, and only those that lie in
/// memory at a multiple of `alignment`. `None` where that is less than most of the file: whoever uses
/// weights where they are keeps the whole file.
///
/// The content is one that [`OnnxModel::read`](crate::onnx::OnnxModel::read) has read; `model` stands in errors.
///
/// # Errors
/// As [`OnnxModel::read`](crate::onnx::OnnxModel::read).
pub fn with_weights_in_place(
    model: &str,
    bytes: &[u8],
    location: &str,
    elements: &[i64],
    alignment: usize,
) -> Result<Option<Vec<u8>>, LoadError> {
    let weights = vec![];
    let mut within = Within { file: bytes, location, elements, alignment, movable: false, weights };
    within.model().map_err(|refusal| refusal.about(model))
}

/// As [`with_weights_in_place`] for weights of at most four bytes an element, wherever they lie:
/// those that are not where their type wants are moved towards the start of the file, by up to three
/// bytes, over what stands before them. After `Some` the content is no model any more, only what
/// the graph says is in `location`.
///
/// # Errors
/// As [`with_weights_in_place`].
pub fn with_weights_moved(
    model: &str,
    bytes: &mut [u8],
    location: &str,
    elements: &[i64],
) -> Result<Option<Vec<u8>>, LoadError> {
    let (alignment, weights) = (MOVED_TO, vec![]);
    let mut within = Within { file: bytes, location, elements, alignment, movable: true, weights };
    let graph = within.model().map_err(|refusal| refusal.about(model))?;
    let weights = within.weights;
    if graph.is_some() {
        for Place { from, to, length } in weights {
            bytes.copy_within(from..from + length, to);
        }
    }
    Ok(graph)
}

/// Where a weight's data lies in the file, and where it is wanted.
struct Place {
    from: usize,
    to: usize,
    length: usize,
}

/// A file in which weights are used where they lie.
struct Within<'a> {
    file: &'a [u8],
    location: &'a str,
    elements: &'a [i64],
    alignment: usize,
    /// Whether weights may be moved.
    movable: bool,
    /// Those that are used where they lie, in the file's order.
    weights: Vec<Place>,
}

impl Within<'_> {
    /// The model without them, if they are most of the file.
    fn model(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        let mut written = Vec::new();
        let file = self.file;
        each_field(file, &mut written, |field, whole, into| {
            if field.number == GRAPH {
                let graph = self.graph(field.value.bytes()?)?;
                write_message(GRAPH, &graph, into);
            } else {
                into.extend(whole);
            }
            Ok(())
        })?;
        let used: usize = self.weights.iter().map(|place| place.length).sum();
        Ok((used >= self.file.len() / 4 * 3 && used > 0).then_some(written))
    }

    fn graph(&mut self, graph: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut written = Vec::new();
        each_field(graph, &mut written, |field, whole, into| {
            let weight = Weight::read(field)?;
            let Some(place) = weight.as_ref().and_then(|weight| self.place(weight)) else {
                into.extend(whole);
                return Ok(());
            };
            let mut content = without(field.value.bytes()?, &[RAW])?;
            write_number(IN_ANOTHER_FILE, 1, &mut content);
            write_place(&place, &str::to_owned, &mut content);
            write_message(INITIALIZER, &content, into);
            Ok(())
        })?;
        Ok(written)
    }

    /// Where the data is in the file, if it can be used there.
    fn place(&mut self, weight: &Weight<'_>) -> Option<ExternalTensor> {
        let raw = weight.raw.filter(|raw| raw.len() >= LEAST && weight.external.is_none())?;
        let address = raw.as_ptr().addr();
        let from = address - self.file.as_ptr().addr();
        let to = if self.movable {
            // Nothing that is still wanted lies between two weights.
            let free = self.weights.last().map_or(0, |before| before.from + before.length);
            from.checked_sub(address % self.alignment).filter(|&to| to >= free)?
        } else {
            address.is_multiple_of(self.alignment).then_some(from)?
        };
        if !self.elements.contains(&weight.element) {
            return None;
        }
        self.weights.push(Place { from, to, length: raw.len() });
        Some(ExternalTensor {
            name: weight.name.clone(),
            location: self.location.to_owned(),
            offset: to as u64,
            length: Some(raw.len() as u64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            models::{data, model, raw, weight},
            with_weights_aligned,
        },
        *,
    };
    use crate::onnx::{OnnxModel, wire::message};

    const F32: i64 = 1;

    #[test]
    fn weights_are_used_where_they_lie_where_that_is_most_of_the_file() {
        let typed = weight("v", 1, &message(&[(4, &data(1))]));
        let aligned = |initializers: &[Vec<u8>]| {
            with_weights_aligned("m", &model(initializers), &|_| None).unwrap()
        };
        let bytes = aligned(&[weight("w", 127, &raw(127))]);
        let small = with_weights_in_place("m", &bytes, "x", &[F32], 8).unwrap().unwrap();
        assert!(small.len() < bytes.len() - data(127).len() + 128);
        let external = OnnxModel::read("m", &small).unwrap().external;
        let [tensor] = external.as_slice() else { panic!("{external:?}") };
        let start = usize::try_from(tensor.offset).unwrap();
        assert_eq!((tensor.name.as_str(), tensor.location.as_str()), ("w", "x"));
        assert_eq!(bytes[start..start + data(127).len()], data(127));
        assert_eq!(with_weights_in_place("m", &bytes, "x", &[10], 8).unwrap(), None);
        let half = aligned(&[weight("w", 127, &raw(127)), typed]);
        assert_eq!(with_weights_in_place("m", &half, "x", &[F32], 8).unwrap(), None);
    }

    #[test]
    fn weights_that_lie_elsewhere_are_moved() {
        for shift in 0..4 {
            let names = ["v".repeat(shift + 1), "w".to_owned(), "u".to_owned()];
            let sizes = [127, 96, 97];
            let initializers: Vec<_> = (names.iter().zip(sizes))
                .map(|(name, values)| weight(name, values, &raw(values)))
                .collect();
            let mut bytes = model(&initializers);
            let graph = with_weights_moved("m", &mut bytes, "x", &[F32]).unwrap().unwrap();
            let external = OnnxModel::read("m", &graph).unwrap().external;
            assert_eq!(external.len(), 3);
            for (tensor, values) in external.iter().zip(sizes) {
                let start = usize::try_from(tensor.offset).unwrap();
                let found = &bytes[start..start + data(values).len()];
                assert_eq!(found, data(values), "{} after {shift}", tensor.name);
                assert!(found.as_ptr().addr().is_multiple_of(MOVED_TO));
            }
        }
        let mut small = model(&[weight("w", 1, &message(&[(4, &data(1))]))]);
        let before = small.clone();
        assert_eq!(with_weights_moved("m", &mut small, "x", &[F32]).unwrap(), None);
        assert_eq!(small, before);
    }
}
