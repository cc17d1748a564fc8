//! runner_tract
