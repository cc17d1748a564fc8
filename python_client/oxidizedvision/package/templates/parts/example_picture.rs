//! Takes a picture through the model: `cargo run --release --example run -- @{example_usage}`.
use std::{env, error::Error, fs};

use @{lib}::{@{example_imports}};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = env::args().skip(1).collect();
    let [@{example_files}] = &files[..] else {
        return Err("give @{example_usage}".into());
    };
    let model = Model::load()?;
    let made = model.run_file(&fs::read(photo)?)?;
@{example_show}
    Ok(())
}
