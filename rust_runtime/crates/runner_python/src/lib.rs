//! runner_python
