//! Models with their versions, from their files to their last request.
//!
//! A version is served once its engine has loaded it, its goldens agree with PyTorch and a request
//! went through its queue. A newer file is loaded beside it and takes its place by one swap of a
//! pointer; the older one ends with its last request, and a load that fails changes nothing.

mod description;
mod failure;
mod files;
mod load;
mod probe;
mod repository;
mod sample;
mod slot;
mod state;
mod team;
mod version;
mod watch;

#[cfg(test)]
mod tests;

pub use description::{Description, Format, ModelSettings, Source};
pub use failure::LoadFailure;
pub use load::Loader;
pub use repository::{Repository, Surroundings};
pub use state::State;
pub use version::Version;
pub use watch::{Change, Watch, Watcher};
