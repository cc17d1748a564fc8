//! runner_rten
