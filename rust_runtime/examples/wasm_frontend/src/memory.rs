//! WebAssembly's memory, which only grows. dlmalloc, the allocator of Rust's own library there, asks
//! for as many bytes as were asked of it even if all but a few are free at the memory's end: a
//! tensor of 16 MiB then adds 16 MiB. Here it is given a sixteenth at a time until that is enough.
//!
//! This relies on dlmalloc joining what it is given to what is free before it, and on its saying
//! that there is no memory, without harm, as long as the two together are too little; so does its
//! version 0.2.14, and a test of the module in Node tells whether another does.
#![allow(unsafe_code, reason = "an allocator gives out addresses")]

use std::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::UnsafeCell,
    ptr,
};

use dlmalloc::{Allocator, Dlmalloc};

const PAGE: usize = 1 << 16;

/// The share of what is asked for that the memory grows by at a time.
const SHARE: usize = 16;

/// More is asked for at once: where there is not as much, nothing may have been taken before.
const MOST_BY_SHARES: usize = 1 << 28;

#[global_allocator]
static MEMORY: Memory = Memory(UnsafeCell::new(Dlmalloc::new_with_allocator(Pages)));

struct Memory(UnsafeCell<Dlmalloc<Pages>>);

// SAFETY: a module without threads has one.
unsafe impl Sync for Memory {}

impl Memory {
    /// Asks until there is an answer, or the memory no longer grows.
    fn asked(&self, ask: impl Fn(&mut Dlmalloc<Pages>) -> *mut u8) -> *mut u8 {
        loop {
            let before = wasm32::memory_size(0);
            // SAFETY: there is one thread, and the allocator does not call itself.
            let place = ask(unsafe { &mut *self.0.get() });
            if !place.is_null() || wasm32::memory_size(0) == before {
                return place;
            }
        }
    }
}

// SAFETY: the allocator's own promises; asked again it has forgotten that it was asked.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        self.asked(|memory| unsafe { memory.malloc(layout.size(), layout.align()) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        self.asked(|memory| unsafe { memory.calloc(layout.size(), layout.align()) })
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as in `asked`; the place is one that the allocator gave.
        unsafe { (*self.0.get()).free(place, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's; without an answer the place is as it was.
        self.asked(|memory| unsafe { memory.realloc(place, layout.size(), layout.align(), size) })
    }
}

/// Where dlmalloc has its memory from.
struct Pages;

// SAFETY: what the memory grows by is nobody else's.
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let share = if size > MOST_BY_SHARES { size } else { size / SHARE };
        let pages = share.div_ceil(PAGE).max(1);
        let first = wasm32::memory_grow(0, pages);
        if first == usize::MAX {
            return (ptr::null_mut(), 0, 0);
        }
        // No address is behind the last: what ends there lacks its last bytes.
        let (first, bytes) = (first * PAGE, pages * PAGE);
        let bytes = if first.wrapping_add(bytes) == 0 { bytes - 16 } else { bytes };
        (ptr::with_exposed_provenance_mut(first), bytes, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}
