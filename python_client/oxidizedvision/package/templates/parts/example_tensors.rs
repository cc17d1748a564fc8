//! Runs the model on zeros: `cargo run --release --example run`.
use std::error::Error;

use @{lib}::{Inputs, Model, @{example_half}ndarray};

fn main() -> Result<(), Box<dyn Error>> {
    let model = Model::load()?;
    let outputs = model.run(Inputs {
@{example_zeros}
    })?;
@{example_prints}
    Ok(())
}
