//! Cargo heeds `[build-dependencies]`, which hold features steady, only where there is a script.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
