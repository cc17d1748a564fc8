//! The settings of a server: one document of defaults, a file, the environment and flags, each
//! winning over what stands before it.

mod document;
mod environment;
mod models;
mod nearest;
mod place;
mod read;
mod settings;

pub use environment::environment;
pub use models::ModelEntry;
pub(crate) use models::format_of;
pub(crate) use settings::processors;
pub use settings::{
    ControlSettings, FolderSettings, LogFormat, LogLevel, LogSettings, ServerSettings, TlsSettings,
};
