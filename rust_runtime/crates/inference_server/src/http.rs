//! The server's HTTP/1.1 layer: bytes in and out, and nothing of what they mean.
//!
//! A [`connection`] has deadlines, a [`body`] has bounds, an [`exchange`] is one request until its
//! answer, and [`endpoints`] say what each path answers. Inference and everything long runs on
//! other threads than the workers here; a client that leaves drops its exchange, and with it the
//! request in the model's queue.

mod app;
mod blocking;
mod body;
mod connection;
mod control;
mod endpoints;
mod exchange;
mod inflate;
mod listen;
mod media;
mod multipart;
mod pages;
mod record;
mod reply;
mod routes;
mod running;
mod service;
mod stream;
mod tls;
mod trace;
mod watch;
mod wire;

pub(crate) use app::App;
pub(crate) use listen::{Plan, bind};
pub(crate) use running::Http;
