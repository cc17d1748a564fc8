//! Small models: PyTorch's own exports, with the metadata that `convert` would write.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) const PREPROCESS: (&str, &str) = ("oxv.preprocess", r#"{"color":"rgb"}"#);
pub(crate) const IMAGE: (&str, &str) = ("oxv.postprocess", r#"{"kind":"image"}"#);
pub(crate) const CLASSES: (&str, &str) =
    ("oxv.postprocess", r#"{"kind":"classification","labels":["r","g","b"],"top_k":2}"#);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// A model of the repository's test data.
pub(crate) fn plain(name: &str) -> PathBuf {
    root().join("testdata/models").join(name)
}

/// A model of the picture programs' tests.
pub(crate) fn of_pictures(name: &str) -> PathBuf {
    root().join("rust_runtime/examples/denoiser_cli/tests/models").join(name)
}

/// A copy of a model with metadata: protobuf fields may simply be added at the end.
pub(crate) fn with_metadata(folder: &Path, from: &Path, props: &[(&str, &str)]) -> PathBuf {
    let mut bytes = fs::read(from).unwrap();
    for (key, value) in props {
        let entry = [field(1, key.as_bytes()), field(2, value.as_bytes())].concat();
        bytes.extend(field(14, &entry));
    }
    let path = folder.join(from.file_name().unwrap());
    fs::write(&path, bytes).unwrap();
    path
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 127 {
        bytes.push(length as u8 | 128);
        length >>= 7;
    }
    bytes.push(length as u8);
    [&bytes, content].concat()
}
