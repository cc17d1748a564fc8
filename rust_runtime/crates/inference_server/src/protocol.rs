//! Bytes to requests and replies to bytes, without HTTP and without waiting.
//!
//! [`infer`] is the Open Inference Protocol v2, [`predict`] the short form of `/predict`, and
//! [`documents`] what is told about models. Whatever the bytes are, reading them ends in a
//! [`Parsed`] request that fits the model or in a [`ServerError`](crate::ServerError) of the
//! client's; memory is taken only for what the limits and the model's specs admit.

mod base64_text;
mod binary;
mod check;
mod data;
mod datatype;
pub mod documents;
pub mod infer;
mod json;
mod parsed;
pub mod predict;
mod shape;
mod terms;
#[cfg(test)]
mod testing;
mod wanted;
mod words;

pub(crate) use binary::append as tensor_data;
pub use check::check_inputs;
pub use datatype::Datatype;
pub use parsed::{Content, Encoded, Parsed, Target};
pub use terms::{ReplyForm, Terms};
pub use words::Words;

type Result<T> = std::result::Result<T, crate::ServerError>;
