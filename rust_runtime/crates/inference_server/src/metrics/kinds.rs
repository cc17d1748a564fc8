//! What is told apart by a label.

/// A part of the work on a request that is timed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A picture's bytes to its pixels.
    Decode,
    /// Pixels to the model's input.
    Preprocess,
    /// From the coming of a request to the start of its run.
    Queue,
    /// The engine's run.
    Infer,
    /// Outputs to what they mean.
    Postprocess,
    /// Results to bytes.
    Encode,
}

impl Phase {
    /// Every phase, in the order in which a request goes through them.
    pub const ALL: [Self; 6] =
        [Self::Decode, Self::Preprocess, Self::Queue, Self::Infer, Self::Postprocess, Self::Encode];

    /// The label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Preprocess => "preprocess",
            Self::Queue => "queue",
            Self::Infer => "infer",
            Self::Postprocess => "postprocess",
            Self::Encode => "encode",
        }
    }
}

/// Why an engine is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineFault {
    /// It gave an error.
    Error,
    /// It panicked.
    Panic,
}

impl EngineFault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Panic => "panic",
        }
    }
}
