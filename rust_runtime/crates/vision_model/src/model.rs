use runner_core::{Runner, onnx};
use sha2::{Digest, Sha256};
use vision_io::Contract;

use crate::ModelError;

/// A model that an engine has loaded.
pub struct Model {
    /// The engine's.
    pub runner: Box<dyn Runner>,
    /// How pictures go through it.
    pub contract: Contract,
}

impl Model {
    /// A model of an ONNX file, or of what was prepared from one, which carries its own contract.
    ///
    /// `load` is called once the contract is read.
    ///
    /// # Errors
    /// Those of `load`, and [`crate::ModelErrorKind::Vision`] for a damaged contract.
    pub fn from_onnx<E: From<ModelError>>(
        file: &[u8],
        load: impl FnOnce() -> Result<Box<dyn Runner>, E>,
    ) -> Result<Self, E> {
        Self::from_file(file, None, load)
    }

    /// As [`Self::from_onnx`]; where the file is no ONNX file, as TorchScript's are not, the
    /// contract is that of `manifest`, the content of `NAME.oxv.json`.
    ///
    /// # Errors
    /// As [`Self::from_onnx`].
    pub fn from_file<E: From<ModelError>>(
        file: &[u8],
        manifest: Option<&[u8]>,
        load: impl FnOnce() -> Result<Box<dyn Runner>, E>,
    ) -> Result<Self, E> {
        let contract = match (onnx::metadata(file), manifest) {
            (None, Some(manifest)) => Contract::from_manifest(manifest),
            _ => Contract::from_onnx(file),
        };
        let contract = contract.map_err(ModelError::from)?;
        Ok(Self { runner: load()?, contract })
    }
}

/// SHA-256 in lower-case hexadecimal.
pub fn hex_sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use runner_core::LoadError;

    use super::*;
    use crate::ModelErrorKind;

    #[derive(Debug)]
    struct Refused(Option<ModelErrorKind>);

    impl From<ModelError> for Refused {
        fn from(error: ModelError) -> Self {
            Self(Some(error.kind()))
        }
    }

    impl From<LoadError> for Refused {
        fn from(_: LoadError) -> Self {
            Self(None)
        }
    }

    #[test]
    fn a_damaged_contract_is_told_before_the_engine_is_asked() {
        let refused = Model::from_onnx(b"\xff", || -> Result<Box<dyn Runner>, Refused> {
            panic!("the engine was asked")
        });
        assert!(matches!(refused.err().unwrap().0, Some(ModelErrorKind::Vision(_))));
    }

    #[test]
    fn a_file_without_a_contract_has_that_of_its_manifest() {
        let asked = |manifest: Option<&[u8]>| {
            let load = || -> Result<Box<dyn Runner>, Refused> { Err(Refused(None)) };
            Model::from_file(b"PK\x03\x04", manifest, load).err().unwrap().0
        };
        assert_eq!(asked(Some(br#"{"name":"m","preprocess":{}}"#)), None);
        for manifest in [None, Some(&b"{"[..])] {
            assert!(matches!(asked(manifest), Some(ModelErrorKind::Vision(_))));
        }
    }

    #[test]
    fn a_sum_is_written_as_everywhere() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex_sha256(b""), empty);
    }
}
