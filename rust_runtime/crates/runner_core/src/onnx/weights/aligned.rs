use super::{GRAPH, IN_ANOTHER_FILE, INITIALIZER, LEAST, RAW, Weight, each_field, without};
use crate::{
    LoadError,
    onnx::{
        ExternalTensor, OnnxModel,
        refusal::Refusal,
        stored::ENTRY,
        wire::{varint_length, write_message, write_varint},
    },
};

const DOCUMENTATION: u64 = 12;
/// What processors read at once, or a multiple of it.
const ALIGNMENT: usize = 64;
/// Protobuf reads no larger file.
const MOST: usize = i32::MAX as usize;

/// Content of files by their names in a model.
pub type External<'a> = dyn Fn(&str) -> Option<&'a [u8]> + 'a;

/// The model in one file in which its larger weights start at multiples of 64 bytes.
///
/// `external` gives the content of the files that hold weights, by the names that the model has
/// for them. The content is one that [`OnnxModel::read`] has read; `model` stands in errors.
///
/// # Errors
/// [`LoadErrorKind::Unsupported`](crate::LoadErrorKind::Unsupported) for a model that would be
/// larger than 2 GiB, or that keeps constants inside its nodes in other files.
pub fn with_weights_aligned(
    model: &str,
    bytes: &[u8],
    external: &External<'_>,
) -> Result<Vec<u8>, LoadError> {
    let written = aligned(bytes, external).map_err(|refusal| refusal.about(model))?;
    match OnnxModel::read(model, &written)?.external.first() {
        None => Ok(written),
        Some(tensor) => {
            let message =
                format!("the constant {:?} inside a node is in another file", tensor.name);
            Err(Refusal::Unsupported(message).about(model))
        }
    }
}

fn aligned(bytes: &[u8], external: &External<'_>) -> Result<Vec<u8>, Refusal> {
    // The graph is written last, so that nothing moves once its weights have their places.
    let (mut head, mut graph) = (Vec::new(), &[][..]);
    each_field(bytes, &mut head, |field, whole, into| {
        if field.number == GRAPH {
            graph = field.value.bytes()?;
        } else {
            into.extend(whole);
        }
        Ok(())
    })?;
    // The graph's length stands before it, and how many bytes that takes depends on the graph.
    for width in varint_length(graph.len() as u64).. {
        let mut written = Vec::with_capacity(bytes.len() + bytes.len() / 64);
        written.extend(&head);
        write_varint(GRAPH << 3 | 2, &mut written);
        let place = written.len();
        written.resize(place + width, 0);
        write_graph(graph, external, &mut written)?;
        let length = (written.len() - place - width) as u64;
        if varint_length(length) <= width {
            write_padded(length, &mut written[place..place + width]);
            return Ok(written);
        }
    }
    unreachable!("a length has at most ten bytes")
}

/// Writes a number into all of these bytes, which are at least as many as it needs.
fn write_padded(mut number: u64, into: &mut [u8]) {
    let last = into.len() - 1;
    for (index, byte) in into.iter_mut().enumerate() {
        *byte = (number & 0x7f) as u8 | if index < last { 0x80 } else { 0 };
        number >>= 7;
    }
}

fn write_graph(
    graph: &[u8],
    external: &External<'_>,
    written: &mut Vec<u8>,
) -> Result<(), Refusal> {
    each_field(graph, written, |field, whole, into| {
        match Weight::read(field)? {
            Some(weight) => write_weight(&weight, field.value.bytes()?, whole, external, into)?,
            None => into.extend(whole),
        }
        if into.len() > MOST {
            return Err(Refusal::Unsupported("as one file it would be larger than 2 GiB".into()));
        }
        Ok(())
    })
}

fn write_weight(
    weight: &Weight<'_>,
    tensor: &[u8],
    whole: &[u8],
    external: &External<'_>,
    into: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let elsewhere = weight.external.as_ref().map(|place| loaded(place, external)).transpose()?;
    match elsewhere.or(weight.raw) {
        Some(data) if data.len() >= LEAST || elsewhere.is_some() => {
            let dropped = [RAW, DOCUMENTATION, IN_ANOTHER_FILE, ENTRY];
            write_aligned(&without(tensor, &dropped)?, data, into);
        }
        _ => into.extend(whole),
    }
    Ok(())
}

fn loaded<'a>(place: &ExternalTensor, external: &External<'a>) -> Result<&'a [u8], Refusal> {
    let content = external(&place.location).unwrap_or_default();
    let start = usize::try_from(place.offset).unwrap_or(usize::MAX);
    let rest = content.get(start..).unwrap_or_default();
    let length = place.length.map_or(rest.len(), |length| length.try_into().unwrap_or(usize::MAX));
    rest.get(..length).ok_or_else(|| {
        Refusal::Corrupt(format!("tensor {:?} ends behind {:?}", place.name, place.location))
    })
}

/// Writes a tensor whose data starts at a multiple of [`ALIGNMENT`]; spaces in its documentation
/// fill what is between.
fn write_aligned(rest: &[u8], data: &[u8], into: &mut Vec<u8>) {
    let raw_head = 1 + varint_length(data.len() as u64);
    let start = |filling: usize| {
        let content = rest.len() + filling + raw_head + data.len();
        into.len() + 1 + varint_length(content as u64) + content - data.len()
    };
    // A field has at least two bytes.
    let fits = |filling: &usize| *filling != 1 && start(*filling).is_multiple_of(ALIGNMENT);
    let filling = (0..2 * ALIGNMENT).find(fits).unwrap_or(0);
    // Straight to its place: the data may be most of the model.
    write_varint(INITIALIZER << 3 | 2, into);
    write_varint((rest.len() + filling + raw_head + data.len()) as u64, into);
    into.extend(rest);
    if let Some(spaces) = filling.checked_sub(2) {
        write_message(DOCUMENTATION, &vec![b' '; spaces], into);
    }
    write_message(RAW, data, into);
}

#[cfg(test)]
mod tests {
    use super::{
        super::models::{data, model, raw, weight},
        *,
    };
    use crate::onnx::wire::message;

    /// Where `part` is in `whole`.
    fn position(whole: &[u8], part: &[u8]) -> usize {
        whole.windows(part.len()).position(|window| window == part).unwrap()
    }

    #[test]
    fn large_weights_start_at_multiples_of_64_whatever_stands_before() {
        for name in 1..70 {
            let name = "w".repeat(name);
            let bytes = model(&[weight("w", 127, &raw(127)), weight(&name, 126, &raw(126))]);
            let written = with_weights_aligned("m", &bytes, &|_| None).unwrap();
            for elements in [127, 126] {
                let place = position(&written, &data(elements)[4..]) - 4;
                assert!(place.is_multiple_of(ALIGNMENT), "{name} {place}");
            }
            let [before, after] = [&bytes, &written].map(|it| OnnxModel::read("m", it).unwrap());
            assert_eq!(before, after);
            assert_eq!(crate::onnx::metadata(&written).unwrap()["k"], "v");
        }
    }

    #[test]
    fn weights_of_other_files_come_into_the_one() {
        let entry = |key: &str, value: &str| message(&[(1, key.as_bytes()), (2, value.as_bytes())]);
        let place = [entry("location", "f"), entry("offset", "4")];
        let place = message(&[(13, &place[0]), (13, &place[1])]);
        let bytes = model(&[weight("w", 3, &[&[112, 1][..], &place].concat())]);
        let file = [&[9; 4][..], &data(3), &[9]].concat();
        let written = with_weights_aligned("m", &bytes, &|_| Some(&file)).unwrap();
        assert!(OnnxModel::read("m", &written).unwrap().external.is_empty());
        assert!(position(&written, &data(3)).is_multiple_of(ALIGNMENT));
        assert!(with_weights_aligned("m", &bytes, &|_| Some(&[0; 9])).is_err());
    }
}
