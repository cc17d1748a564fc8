//! Huge pages, which most systems give only to those who ask.

use std::{fs, ops::Range};

/// Of a block's small pages so many must be in memory already, in hundredths: the others are added.
const RESIDENT: usize = 75;

/// `MADV_COLLAPSE`, which the C library may not know.
const COLLAPSE: libc::c_int = 25;

/// Makes huge pages of what this process has in memory and wrote itself, where the kernel does that
/// (Linux 6.1 and later). Contents and addresses stay what they are.
pub(super) fn gather() {
    let (Some(huge), Some(small)) = (huge_page(), small_page()) else { return };
    let Ok(text) = fs::read_to_string("/proc/self/smaps") else { return };
    for (addresses, gathered) in maps(&text) {
        let blocks = blocks(&addresses, huge).filter(|start| is_resident(*start, (huge, small)));
        let runs = runs(blocks, huge);
        if runs.iter().map(ExactSizeIterator::len).sum::<usize>() > gathered {
            for run in runs {
                // What cannot be had stays as it is.
                let _ = collapse(&run);
            }
        }
    }
}

/// Bytes of a huge page; `None` where there are none.
fn huge_page() -> Option<usize> {
    let size = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size").ok()?;
    size.trim().parse().ok().filter(|size| *size > 0)
}

fn small_page() -> Option<usize> {
    // SAFETY: asks for a number.
    #[allow(unsafe_code, reason = "a system call")]
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).ok().filter(|size| *size > 0)
}

/// The private and writable maps of no file in a text of `/proc/self/smaps`, with how many bytes of
/// each are in huge pages.
fn maps(text: &str) -> impl Iterator<Item = (Range<usize>, usize)> {
    let mut of = None;
    text.lines().filter_map(move |line| {
        if let Some(amount) = line.strip_prefix("AnonHugePages:") {
            let kib: usize = amount.trim().trim_end_matches(" kB").parse().ok()?;
            return Some((of.take()?, kib << 10));
        }
        of = anonymous(line).or_else(|| of.take());
        None
    })
}

/// The addresses in the first line of a map that is private, writable and of no file.
fn anonymous(line: &str) -> Option<Range<usize>> {
    let mut fields = line.split_ascii_whitespace();
    let (addresses, rights) = (fields.next()?, fields.next()?);
    let (inode, name) = (fields.nth(2)?, fields.next().unwrap_or_default());
    let is_ours = rights == "rw-p" && inode == "0" && !name.starts_with("[stack");
    let (start, end) = addresses.split_once('-').filter(|_| is_ours)?;
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

/// Where whole huge pages begin in a range.
fn blocks(range: &Range<usize>, size: usize) -> impl Iterator<Item = usize> + use<> {
    let end = range.end;
    (range.start.next_multiple_of(size)..end).step_by(size).filter(move |at| end - at >= size)
}

/// Blocks that lie one after the other, together.
fn runs(blocks: impl Iterator<Item = usize>, size: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for start in blocks {
        match runs.last_mut() {
            Some(run) if run.end == start => run.end += size,
            _ => runs.push(start..start + size),
        }
    }
    runs
}

/// Whether enough of a block is in memory.
fn is_resident(start: usize, (size, page): (usize, usize)) -> bool {
    100 * resident(start, (size, page)) >= RESIDENT * (size / page)
}

/// How many of these pages are in memory; of memory that is no longer there none is.
fn resident(start: usize, (size, page): (usize, usize)) -> usize {
    let mut pages = vec![0_u8; size / page];
    // SAFETY: writes one byte for each page of the range; memory that is gone is an error.
    #[allow(unsafe_code, reason = "a system call")]
    let code = unsafe { libc::mincore(start as *mut libc::c_void, size, pages.as_mut_ptr()) };
    if code == 0 { pages.iter().filter(|page| **page & 1 == 1).count() } else { 0 }
}

/// Tells whether all of it is in huge pages now.
fn collapse(range: &Range<usize>) -> bool {
    let start = range.start as *mut libc::c_void;
    // SAFETY: changes neither contents nor addresses; memory that is gone is an error.
    #[allow(unsafe_code, reason = "a system call")]
    let code = unsafe { libc::madvise(start, range.len(), COLLAPSE) };
    code == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn pattern(at: usize) -> u8 {
        ((7 * at) >> 8).to_le_bytes()[0]
    }

    /// Bytes in huge pages of the map that an address is in, by the kernel.
    fn huge_bytes(address: usize) -> usize {
        let text = fs::read_to_string("/proc/self/smaps").unwrap();
        maps(&text).find(|(range, _)| range.contains(&address)).unwrap().1
    }

    /// Whether this kernel makes a huge page of what is written, when it is asked to.
    fn is_possible() -> bool {
        let Some(size) = huge_page() else { return false };
        let memory = vec![1_u8; 2 * size];
        let start = (memory.as_ptr() as usize).next_multiple_of(size);
        size <= 4 * MIB && collapse(&(start..start + size))
    }

    #[test]
    fn what_is_in_memory_is_gathered_and_stays_as_it_is() {
        if !is_possible() {
            return;
        }
        let memory: Vec<u8> = (0..16 * MIB).map(pattern).collect();
        gather();
        let middle = memory.as_ptr() as usize + 8 * MIB;
        assert!(huge_bytes(middle) > 0);
        assert!(memory.iter().enumerate().all(|(at, byte)| *byte == pattern(at)));
    }

    #[test]
    fn memory_that_is_hardly_used_does_not_grow() {
        let mut memory = vec![0_u8; 64 * MIB];
        for at in (0..memory.len()).step_by(MIB) {
            memory[at] = 1;
        }
        let page = small_page().unwrap();
        let start = (memory.as_ptr() as usize).next_multiple_of(page);
        let before = resident(start, (63 * MIB, page));
        gather();
        assert!(before > 0);
        assert_eq!(resident(start, (63 * MIB, page)), before);
        drop(memory);
    }

    #[test]
    fn files_code_and_stacks_are_not_of_it() {
        let line = "7f00-7f80 rw-p 00000000 00:00 0 ";
        assert_eq!(anonymous(line), Some(0x7f00..0x7f80));
        assert!(anonymous("7f00-7f80 rw-p 00000000 00:00 0  [heap]").is_some());
        for other in [
            "7f00-7f80 rw-p 00000000 00:00 0  [stack]",
            "7f00-7f80 r--p 00000000 00:00 0 ",
            "7f00-7f80 rw-s 00000000 00:00 0 ",
            "7f00-7f80 rw-p 00000000 08:01 77  /lib/libc.so.6",
            "7f00-7f80",
            "",
        ] {
            assert_eq!(anonymous(other), None, "{other}");
        }
        let starts: Vec<_> = blocks(&(3..31), 8).collect();
        assert_eq!(starts, [8, 16]);
    }
}
