//! A declaration at the end of a file: its JSON, the JSON's length in 8 bytes, and a mark.

use std::io::{self, Read, Seek, SeekFrom};

use super::Declaration;

const MARK: &[u8; 8] = b"OXVPREP1";
const LENGTH: usize = 8;
/// What stands behind the JSON.
const END: u64 = (LENGTH + MARK.len()) as u64;

/// What the end of a file says.
#[derive(Debug)]
pub(super) enum End {
    /// There is no mark: it is no prepared file, or its end is missing.
    Unmarked,
    /// There is a mark, and before it no declaration.
    Broken(String),
    /// The declaration, and the bytes that belong to the engine.
    Declared(Box<Declaration>, u64),
}

pub(super) fn written(declaration: &Declaration) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(declaration)?;
    let length = bytes.len() as u64;
    bytes.extend(length.to_le_bytes());
    bytes.extend(MARK);
    Ok(bytes)
}

/// Reads the end of a file of `total` bytes.
///
/// # Errors
/// Those of the file.
pub(super) fn read(file: &mut (impl Read + Seek), total: u64) -> io::Result<End> {
    let Some(before) = total.checked_sub(END) else { return Ok(End::Unmarked) };
    file.seek(SeekFrom::Start(before))?;
    let (mut length, mut mark) = ([0; LENGTH], [0; MARK.len()]);
    file.read_exact(&mut length)?;
    file.read_exact(&mut mark)?;
    if mark != *MARK {
        return Ok(End::Unmarked);
    }
    let length = u64::from_le_bytes(length);
    let Some(start) = before.checked_sub(length) else {
        return Ok(End::Broken("its declaration is longer than the file".to_owned()));
    };
    file.seek(SeekFrom::Start(start))?;
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text)?;
    Ok(match serde_json::from_slice::<Declaration>(&text) {
        Err(error) => End::Broken(format!("its declaration cannot be read: {error}")),
        Ok(declaration) => match declaration.check() {
            Err(reason) => End::Broken(reason),
            Ok(()) => End::Declared(Box::new(declaration), start),
        },
    })
}

/// The declaration at the end of a prepared file's content; `None` where there is none.
pub fn declaration_of(content: &[u8]) -> Option<Declaration> {
    match read(&mut io::Cursor::new(content), content.len() as u64) {
        Ok(End::Declared(declaration, _)) => Some(*declaration),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Dim, TensorSpec};

    fn spec(name: &str, length: usize) -> TensorSpec {
        TensorSpec { name: name.into(), dtype: DType::F32, dims: vec![Dim::Fixed(length)] }
    }

    fn declaration(outputs: Vec<TensorSpec>) -> Declaration {
        Declaration {
            engine: "swift".into(),
            engine_version: "1.2".into(),
            machine: String::new(),
            inputs: vec![],
            outputs,
            metadata: [("oxv.preprocess".to_owned(), "{}".to_owned())].into(),
        }
    }

    fn end_of(bytes: &[u8]) -> End {
        read(&mut io::Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn what_is_written_is_read_behind_any_content() {
        let expected = declaration(vec![spec("y", 3)]);
        for content in [&b""[..], b"model"] {
            let bytes = [content, &written(&expected).unwrap()].concat();
            let End::Declared(read, engine) = end_of(&bytes) else { panic!("{content:?}") };
            assert_eq!((*read, engine), (expected.clone(), content.len() as u64));
            assert_eq!(declaration_of(&bytes), Some(expected.clone()));
        }
    }

    #[test]
    fn every_cut_and_every_senseless_declaration_is_told() {
        let whole =
            [b"model", written(&declaration(vec![spec("y", 3)])).unwrap().as_slice()].concat();
        for cut in 0..whole.len() {
            assert!(matches!(end_of(&whole[..cut]), End::Unmarked), "{cut}");
        }
        for length in [u64::MAX, 6, 0] {
            let bytes = [&b"{}"[..], &length.to_le_bytes(), MARK].concat();
            assert!(matches!(end_of(&bytes), End::Broken(_)), "{length}");
        }
        for outputs in [
            vec![],
            vec![spec("y", 3), spec("y", 3)],
            vec![spec("", 3)],
            vec![spec("y", usize::MAX)],
        ] {
            let bytes = written(&declaration(outputs.clone())).unwrap();
            assert!(matches!(end_of(&bytes), End::Broken(_)), "{outputs:?}");
        }
    }
}
