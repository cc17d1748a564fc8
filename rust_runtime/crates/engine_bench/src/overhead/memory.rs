//! What many runs, and many loads and drops, leave behind.

use std::path::Path;

use serde::Serialize;

use super::{child::WorkerProcess, interval::median, protocol::Request};

/// What counts as growth is more than this share of what was held before …
const SHARE: f64 = 0.05;
/// … and more than this: a small process moves by some hundred KiB without any leak.
const FLOOR_MIB: f64 = 1.0;
const MIB: f64 = (1 << 20) as f64;
/// Pools, arenas and stacks fill in the first times.
const FEWEST_WARM_UPS: usize = 10;

/// What is done many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    /// Run a loaded model.
    Runs,
    /// Load a model, run it once, drop it.
    Cycles,
}

impl Habit {
    fn request(self, count: usize, model: &Path) -> Request {
        match self {
            Self::Runs => Request::Repeat(count),
            Self::Cycles => Request::Cycle(count, model.to_owned()),
        }
    }
}

/// Resident memory before and after.
#[derive(Debug, Clone, Serialize)]
pub struct Growth {
    /// The layer: `bare`, `rust` or `python`.
    pub layer: String,
    /// The model's file name.
    pub model: String,
    /// What was done.
    pub habit: Habit,
    /// How often between the two, after a warm-up.
    pub count: usize,
    /// MiB after the warm-up.
    pub start_mib: f64,
    /// MiB at the end.
    pub end_mib: f64,
    /// Whether the end is within 5 % of the start, or within 1 MiB.
    pub passed: bool,
}

/// Has a worker do something `count` times.
///
/// # Errors
/// The worker's reason.
pub fn growth(
    layer: &str,
    worker: &mut WorkerProcess,
    model: &Path,
    habit: Habit,
    count: usize,
) -> Result<Growth, String> {
    if habit == Habit::Runs {
        worker.load(model)?;
    }
    worker.done(&habit.request((count / 5).max(FEWEST_WARM_UPS), model))?;
    let start_mib = held(worker, model, habit, count)?;
    worker.done(&habit.request(count, model))?;
    let end_mib = held(worker, model, habit, count)?;
    let model = model.file_name().map_or_else(String::new, |name| name.display().to_string());
    let passed = within(start_mib, end_mib);
    Ok(Growth { layer: layer.to_owned(), model, habit, count, start_mib, end_mib, passed })
}

/// The median MiB of three moments: what the allocator keeps differs from one to the next.
fn held(
    worker: &mut WorkerProcess,
    model: &Path,
    habit: Habit,
    count: usize,
) -> Result<f64, String> {
    let mut moments = Vec::new();
    for _ in 0..3 {
        worker.done(&habit.request((count / 20).max(1), model))?;
        moments.push(worker.resident()? as f64 / MIB);
    }
    Ok(median(&moments))
}

fn within(start_mib: f64, end_mib: f64) -> bool {
    end_mib - start_mib <= (SHARE * start_mib).max(FLOOR_MIB)
}

/// The bytes that this process holds, after its free memory went back to the system.
///
/// # Errors
/// Where the system does not tell.
pub fn resident() -> Result<u64, String> {
    give_back();
    let statm = std::fs::read_to_string("/proc/self/statm")
        .map_err(|error| format!("/proc/self/statm: {error}; memory is measured on Linux only"))?;
    pages(&statm).map(|pages| pages * page_size()).ok_or_else(|| format!("statm says {statm:?}"))
}

fn pages(statm: &str) -> Option<u64> {
    statm.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> i32;
    }
    // SAFETY: glibc's function of this signature; it takes the allocator's own locks.
    unsafe { malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}

#[cfg(target_os = "linux")]
fn page_size() -> u64 {
    unsafe extern "C" {
        fn getpagesize() -> i32;
    }
    // SAFETY: a function of the C library without arguments or state.
    u64::from(unsafe { getpagesize() }.unsigned_abs())
}

#[cfg(not(target_os = "linux"))]
fn page_size() -> u64 {
    4096
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_more_than_a_share_and_more_than_the_floor() {
        assert!(within(10.0, 10.9) && !within(10.0, 11.1));
        assert!(within(100.0, 104.9) && !within(100.0, 105.1));
        assert!(within(100.0, 50.0));
    }

    #[test]
    fn the_second_field_counts_pages() {
        assert_eq!(pages("900 120 80 1 0 200 0\n"), Some(120));
        assert_eq!(pages("900"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_held_is_seen() {
        let before = resident().unwrap();
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = resident().unwrap();
        assert!(after.saturating_sub(before) > 60 << 20, "{before} {after} {}", held.len());
    }
}
