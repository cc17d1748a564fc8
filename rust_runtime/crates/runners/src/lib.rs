//! runners
