use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{Errors, arguments::Shapes, stage::Stage};

const MAGIC: &[u8] = b"stand-in engine\n";

/// What the stand-in calls an engine: the model's files and the profile.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Engine {
    pub(crate) tensorrt: String,
    /// Name of the model among the files.
    pub(crate) model: String,
    /// Inputs whose axes the file leaves open.
    pub(crate) open: Vec<String>,
    pub(crate) least: Shapes,
    pub(crate) best: Shapes,
    pub(crate) most: Shapes,
    /// Names and lengths of the files, which follow in this order.
    pub(crate) files: Vec<(String, usize)>,
}

impl Engine {
    pub(crate) fn save(&self, to: &Path, contents: &[Vec<u8>]) -> Result<(), Errors> {
        let header = serde_json::to_vec(self).expect("a header is JSON");
        let mut bytes = MAGIC.to_vec();
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header);
        bytes.extend(contents.concat());
        fs::write(to, bytes).map_err(|_| vec![format!("Cannot open engine file: {}", to.display())])
    }

    /// Reads an engine and unpacks its files into a folder.
    pub(crate) fn open(stage: &Stage, from: &Path, folder: &Path) -> Result<Self, Errors> {
        let bytes = fs::read(from)
            .map_err(|_| vec![format!("Error opening engine file: {}", from.display())])?;
        let (engine, mut rest) = Self::header(&bytes).ok_or_else(|| {
            vec![
                "[TRT] IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization \
                 assertion plan->header.magicTag == rt::kPLAN_MAGIC_TAG failed.)"
                    .to_owned(),
                "Engine deserialization failed".to_owned(),
                "Got invalid engine!".to_owned(),
                "Inference set up failed".to_owned(),
            ]
        })?;
        if engine.tensorrt != stage.version {
            return Err(vec![format!(
                "[TRT] The engine plan file is not compatible with this version of TensorRT, \
                 expecting library version {} got {}, please rebuild.",
                stage.version, engine.tensorrt
            )]);
        }
        for (name, length) in &engine.files {
            let (content, after) = rest.split_at_checked(*length).ok_or_else(Errors::new)?;
            rest = after;
            let file = folder.join(name);
            let written = fs::create_dir_all(file.parent().unwrap_or(folder))
                .and_then(|()| fs::write(&file, content));
            written.map_err(|error| vec![error.to_string()])?;
        }
        Ok(engine)
    }

    fn header(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (length, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
        let (header, rest) = rest.split_at_checked(u64::from_le_bytes(*length) as usize)?;
        Some((serde_json::from_slice(header).ok()?, rest))
    }
}
