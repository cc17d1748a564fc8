//! Bounds of memory within what the container is granted.

use std::{fs, path::Path};

use crate::Limits;

/// Where control groups of the second and the first kind tell their bound.
const BOUNDS: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Lowers the bounds that nobody has set to what fits into the memory that is granted.
pub(super) fn fit(limits: &mut Limits) {
    if let Some(granted) = BOUNDS.iter().find_map(|path| granted_by(Path::new(path))) {
        fit_into(limits, granted);
    }
}

fn granted_by(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// A quarter each for bodies and for decoding, an eighth for each queue.
fn fit_into(limits: &mut Limits, granted: u64) {
    let usual = Limits::default();
    let share = |parts: u64| usize::try_from(granted / parts).unwrap_or(usize::MAX).max(1 << 20);
    let lower = |bound: &mut usize, usual: usize, share: usize| {
        if *bound == usual {
            *bound = share.min(usual);
        }
    };
    lower(&mut limits.connections.bodies, usual.connections.bodies, share(4));
    lower(&mut limits.pictures.decode_memory, usual.pictures.decode_memory, share(4));
    lower(&mut limits.request.memory, usual.request.memory, share(4));
    lower(&mut limits.queue.memory, usual.queue.memory, share(8));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_that_nobody_set_are_lowered_to_what_is_granted() {
        let mut limits = Limits::default();
        limits.queue.memory = 100 << 20;
        fit_into(&mut limits, 512 << 20);
        assert_eq!(limits.connections.bodies, 128 << 20);
        assert_eq!(limits.pictures.decode_memory, 128 << 20);
        assert_eq!(limits.queue.memory, 100 << 20);
        let mut limits = Limits::default();
        fit_into(&mut limits, u64::MAX);
        assert_eq!(limits, Limits::default());
    }
}
