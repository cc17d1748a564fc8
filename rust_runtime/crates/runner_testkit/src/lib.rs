//! runner_testkit
