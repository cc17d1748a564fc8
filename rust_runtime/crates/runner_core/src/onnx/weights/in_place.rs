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

/// The model without its larger weights, which it says are in the file `location`: that one has
/// the content `bytes`. Only weights of these ONNX element types are moved, and only those that
/// lie in memory as their type wants. `None` where that is less than most of the file: whoever uses
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
) -> Result<Option<Vec<u8>>, LoadError> {
    let within = Within { file: bytes, location, elements };
    let (mut written, mut moved) = (Vec::new(), 0_usize);
    let done = each_field(bytes, &mut written, |field, whole, into| {
        if field.number == GRAPH {
            let graph = within.graph(field.value.bytes()?, &mut moved)?;
            write_message(GRAPH, &graph, into);
        } else {
            into.extend(whole);
        }
        Ok(())
    });
    done.map_err(|refusal| refusal.about(model))?;
    Ok((moved >= bytes.len() / 4 * 3 && moved > 0).then_some(written))
}

/// A file in which weights are used where they lie.
struct Within<'a> {
    file: &'a [u8],
    location: &'a str,
    elements: &'a [i64],
}

impl Within<'_> {
    /// The graph without its larger weights; adds up their bytes.
    fn graph(&self, graph: &[u8], moved: &mut usize) -> Result<Vec<u8>, Refusal> {
        let mut written = Vec::new();
        each_field(graph, &mut written, |field, whole, into| {
            let weight = Weight::read(field)?;
            let Some(place) = weight.as_ref().and_then(|weight| self.place(weight)) else {
                into.extend(whole);
                return Ok(());
            };
            *moved += weight.and_then(|weight| weight.raw).map_or(0, <[u8]>::len);
            let mut content = without(field.value.bytes()?, &[RAW])?;
            write_number(IN_ANOTHER_FILE, 1, &mut content);
            write_place(&place, &str::to_owned, &mut content);
            write_message(INITIALIZER, &content, into);
            Ok(())
        })?;
        Ok(written)
    }

    /// Where the data lies in the file, where it can be used there.
    fn place(&self, weight: &Weight<'_>) -> Option<ExternalTensor> {
        let raw = weight.raw.filter(|raw| raw.len() >= LEAST && weight.external.is_none())?;
        let start = raw.as_ptr().addr();
        let fits = self.elements.contains(&weight.element) && start.is_multiple_of(8);
        fits.then(|| ExternalTensor {
            name: weight.name.clone(),
            location: self.location.to_owned(),
            offset: (start - self.file.as_ptr().addr()) as u64,
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
        let small = with_weights_in_place("m", &bytes, "x", &[F32]).unwrap().unwrap();
        assert!(small.len() < bytes.len() - data(127).len() + 128);
        let external = OnnxModel::read("m", &small).unwrap().external;
        let [tensor] = external.as_slice() else { panic!("{external:?}") };
        let start = usize::try_from(tensor.offset).unwrap();
        assert_eq!((tensor.name.as_str(), tensor.location.as_str()), ("w", "x"));
        assert_eq!(bytes[start..start + data(127).len()], data(127));
        assert_eq!(with_weights_in_place("m", &bytes, "x", &[10]).unwrap(), None);
        let half = aligned(&[weight("w", 127, &raw(127)), typed]);
        assert_eq!(with_weights_in_place("m", &half, "x", &[F32]).unwrap(), None);
    }
}
