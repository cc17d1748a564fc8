//! The short form of `/predict`: one tensor, several by name, or pictures in base64.

mod form;
mod item;
mod probe;
mod reply;
mod request;

pub use form::{Form, check_pictures};
pub use reply::{write, write_prediction, write_predictions};
pub use request::scan;

#[cfg(test)]
mod tests;
