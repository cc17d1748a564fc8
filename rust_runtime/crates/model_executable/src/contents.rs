use serde::Deserialize;
use vision_program::{Exit, Fault};

use crate::archive::Archive;

/// The part of the archive that says what the others are.
pub(crate) const SEAL: &str = "package.oxv.json";

/// What an executable reads of its seal.
#[derive(Debug, Deserialize)]
pub(crate) struct Contents {
    /// Name of the program.
    pub(crate) name: String,
    /// Version of the package's maker.
    pub(crate) version: String,
    /// Name of the part that is the model.
    pub(crate) model: String,
    /// Name of the part that holds recorded inputs and PyTorch's answers.
    pub(crate) goldens: String,
    /// Name of the part that says how far the answers may be apart.
    pub(crate) manifest: String,
    /// How many threads were found best; none leaves it to the engine.
    pub(crate) threads: Option<usize>,
}

impl Contents {
    pub(crate) fn of(archive: &Archive) -> Result<Self, Fault> {
        serde_json::from_slice(&archive.part(SEAL)?).map_err(|error| {
            Fault::new(Exit::CheckFailed, format!("{SEAL} in this file is not understood: {error}"))
                .with_hint("Make the package again.")
        })
    }
}
