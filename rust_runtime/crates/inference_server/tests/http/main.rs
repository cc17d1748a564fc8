//! Proves the whole server over real sockets: every endpoint, pictures in all four forms, clients
//! that are slow, greedy, hostile or gone, and how a server starts and ends.

#![cfg(unix)]

mod client;
mod control;
mod endpoints;
mod engines;
mod lifecycle;
mod models;
mod overload;
mod paths;
mod pictures;
mod server;
mod tensors;
mod transport;
