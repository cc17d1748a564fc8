use serde::Deserialize;

use crate::{Goldens, ModelError, ModelErrorKind, Tolerance, hex_sha256};

const SCHEMA_VERSION: u32 = 1;

/// Stages that make the model's ONNX files.
const ONNX_STAGES: [&str; 4] = ["onnx", "optimize", "fp16", "int8"];

/// What a manifest (`NAME.oxv.json`) says of a model's files, as far as it is needed to run them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Manifest {
    schema_version: u32,
    /// The model's name; empty in manifests that name none.
    #[serde(default)]
    pub name: String,
    /// The file with the goldens.
    pub goldens: FileRecord,
    /// What counts as equal to PyTorch, where no stage says otherwise.
    #[serde(default)]
    pub tolerance: Option<Tolerance>,
    /// What made the model's files, the newest last.
    pub stages: Vec<Stage>,
}

/// What made one file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Stage {
    /// `torchscript`, `onnx`, `optimize`, …
    pub name: String,
    /// The file.
    pub output: FileRecord,
    /// What counts as equal to PyTorch for this file, where that is not the model's.
    #[serde(default)]
    pub tolerance: Option<Tolerance>,
}

/// A file beside the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileRecord {
    /// Its name, without a folder.
    pub file: String,
    /// Of its content, in lower-case hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Reads a manifest's content.
    ///
    /// # Errors
    /// [`ModelErrorKind::Manifest`] when it is none, of another version, or names a file elsewhere.
    pub fn read(content: &[u8]) -> Result<Self, ModelError> {
        let refused = |reason: String| ModelError::new(ModelErrorKind::Manifest, reason);
        let manifest: Self =
            serde_json::from_slice(content).map_err(|error| refused(error.to_string()))?;
        if manifest.schema_version != SCHEMA_VERSION {
            return Err(refused(format!("has schema_version {}", manifest.schema_version)));
        }
        let records = manifest.stages.iter().map(|stage| &stage.output);
        let elsewhere = records.chain([&manifest.goldens]).find(|record| !record.is_beside());
        if let Some(record) = elsewhere {
            return Err(refused(format!("{:?} is no file beside it", record.file)));
        }
        Ok(manifest)
    }

    /// The stage that made the newest ONNX file.
    pub fn newest_onnx(&self) -> Option<&Stage> {
        self.stages.iter().rev().find(|stage| ONNX_STAGES.contains(&stage.name.as_str()))
    }

    /// The stage that made the newest TorchScript file.
    pub fn newest_torchscript(&self) -> Option<&Stage> {
        self.stages.iter().rev().find(|stage| stage.name == "torchscript")
    }

    /// The goldens of a package, held against its manifest: `model` is what its last stage made,
    /// `goldens` is what it lists as such, and its tolerance counts.
    ///
    /// # Errors
    /// [`ModelErrorKind::NotTheSame`] for another file, [`ModelErrorKind::Manifest`] and
    /// [`ModelErrorKind::Goldens`] for what cannot be read.
    pub fn proof(manifest: &[u8], model: &[u8], goldens: &[u8]) -> Result<Goldens, ModelError> {
        let manifest = Self::read(manifest)?;
        let stage = manifest.stages.last().ok_or_else(|| {
            ModelError::new(ModelErrorKind::Manifest, "the manifest lists no model")
        })?;
        stage.output.check(model)?;
        manifest.goldens.check(goldens)?;
        let mut goldens = Goldens::read(goldens)?;
        goldens.tolerance = manifest.tolerance_of(stage).unwrap_or(goldens.tolerance);
        Ok(goldens)
    }

    /// The stage that made this file.
    pub fn stage_of(&self, file: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.output.file == file)
    }

    /// What counts as equal to PyTorch for what a stage made, where the manifest says it.
    pub fn tolerance_of(&self, stage: &Stage) -> Option<Tolerance> {
        stage.tolerance.or(self.tolerance)
    }
}

impl FileRecord {
    fn check(&self, bytes: &[u8]) -> Result<(), ModelError> {
        let sha256 = hex_sha256(bytes);
        if sha256 == self.sha256 {
            return Ok(());
        }
        let message = format!(
            "{} is not the file that the manifest lists: its SHA-256 is {sha256}, not {}",
            self.file, self.sha256
        );
        Err(ModelError::new(ModelErrorKind::NotTheSame, message))
    }

    fn is_beside(&self) -> bool {
        !matches!(self.file.as_str(), "" | "." | "..") && !self.file.contains(['/', '\\', '\0'])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(file: &str) -> Value {
        json!({"file": file, "sha256": "00", "bytes": 1})
    }

    fn manifest(file: &str) -> Value {
        json!({
            "schema_version": 1, "name": "m", "goldens": record("m.golden.safetensors"),
            "tolerance": {"mae": 1e-5, "cosine_similarity": 0.999},
            "stages": [
                {"name": "torchscript", "tool": "torch", "output": record("m.pt")},
                {"name": "onnx", "output": record(file)},
                {"name": "int8", "output": record("m.int8.onnx"),
                 "tolerance": {"mae": 0.1, "cosine_similarity": 0.9}},
                {"name": "prepare", "output": record("m.ort")},
            ],
        })
    }

    fn read(value: &Value) -> Result<Manifest, ModelError> {
        Manifest::read(value.to_string().as_bytes())
    }

    #[test]
    fn the_newest_file_of_each_format_is_found_with_its_tolerance() {
        let manifest = read(&manifest("m.onnx")).unwrap();
        let newest = manifest.newest_onnx().unwrap();
        assert_eq!(newest.output.file, "m.int8.onnx");
        assert!((manifest.tolerance_of(newest).unwrap().mae - 0.1).abs() < 1e-9);
        let script = manifest.newest_torchscript().unwrap();
        assert_eq!((script, manifest.stage_of("m.pt")), (script, Some(script)));
        assert!((manifest.tolerance_of(script).unwrap().mae - 1e-5).abs() < 1e-9);
    }

    #[test]
    fn a_package_is_held_against_its_manifest() {
        let mut listed = manifest("m.onnx");
        listed["stages"][3]["output"]["sha256"] = hex_sha256(b"model").into();
        let proof = |listed: &Value, model: &[u8], goldens: &[u8]| {
            Manifest::proof(listed.to_string().as_bytes(), model, goldens).unwrap_err()
        };
        let other = proof(&listed, b"another", b"goldens");
        assert_eq!(other.kind(), ModelErrorKind::NotTheSame);
        assert!(other.to_string().contains("m.ort"), "{other}");
        let other = proof(&listed, b"model", b"goldens");
        assert!(other.to_string().contains("m.golden.safetensors"), "{other}");
        listed["goldens"]["sha256"] = hex_sha256(b"goldens").into();
        assert_eq!(proof(&listed, b"model", b"goldens").kind(), ModelErrorKind::Goldens);
        listed["stages"] = json!([]);
        assert_eq!(proof(&listed, b"model", b"goldens").kind(), ModelErrorKind::Manifest);
    }

    #[test]
    fn what_is_no_manifest_or_leads_elsewhere_is_refused() {
        let mut other = manifest("m.onnx");
        other["schema_version"] = json!(2);
        assert!(read(&other).is_err());
        for file in ["", "..", "../m.onnx", "/m.onnx", "a\\m.onnx", "m\0.onnx"] {
            let error = read(&manifest(file)).unwrap_err();
            assert_eq!(error.kind(), ModelErrorKind::Manifest, "{file}");
        }
        assert!(Manifest::read(b"{").is_err());
    }
}
