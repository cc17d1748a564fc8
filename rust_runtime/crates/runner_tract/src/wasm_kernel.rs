//! A kernel of matrix products for the browser, in place of tract's own on WebAssembly.
//!
//! tract keeps 8 x 8 sums, as many vectors as x86-64 has registers, so that V8 moves some of them to
//! memory and back in each step. This one keeps 4 x 8, with an element of the left side loaded into
//! all lanes at once; `benchmarks/README.md` has the figures. It is entered into tract's registry
//! of kernels above tract's own; what it does not do, tract's own does.
#![allow(unsafe_code, reason = "tract's kernels work on pointers")]

use std::arch::wasm32::{
    f32x4, f32x4_add, f32x4_extract_lane, f32x4_max, f32x4_min, f32x4_mul, f32x4_splat, f32x4_sub,
    v128, v128_load, v128_load32_splat, v128_store,
};

use tract_onnx::{
    prelude::DatumType,
    tract_core::tract_linalg::{
        isa::{Arch, IsaSet},
        mmm::{DynKernel, FusedKerSpec, FusedSpec, MatMatMul, OutputStoreKer, Query, Suitable},
        mmm_routines::MmmRoutine,
        mmm_tiers::MmmTier,
        pack::Packing,
    },
};

const NAME: &str = "oxidizedvision_wasm_f32_4x8";
const ROWS: usize = 4;
const COLUMNS: usize = 8;
/// Vectors of a row.
const VECTORS: usize = COLUMNS / LANES;
const LANES: usize = 4;
/// What [`kernel`] gives where it cannot do what it is asked for.
const REFUSED: isize = 1;

inventory::submit! {
    MmmRoutine { make }
}

inventory::submit! {
    MmmTier {
        arch: Some(Arch::Wasm32Simd128),
        precedence: 2,
        name: NAME,
        applies: |_| true,
        preferred,
    }
}

/// Keeps the entries in the module, whose linker drops what nothing refers to.
pub(crate) fn enter() {
    std::hint::black_box(make as *const ());
}

fn make() -> Box<dyn MatMatMul> {
    let (left, right) = (f32::packing(ROWS), f32::packing(COLUMNS));
    let mut kernel = DynKernel::<ROWS, COLUMNS, f32>::new(NAME, kernel, left, right)
        .with_can_fuse(|wanted| !matches!(wanted, FusedSpec::LeakyRelu(_)));
    kernel.arch = Some(Arch::Wasm32Simd128);
    kernel.mmm()
}

/// Products with a vector stay with tract's own kernels for them.
fn preferred(
    _: &IsaSet,
    accumulator: DatumType,
    query: &Query,
    _: &[Suitable],
) -> Option<&'static str> {
    (accumulator == DatumType::F32 && query.n != Some(1)).then_some(NAME)
}

#[derive(Clone, Copy)]
struct Sums([[v128; VECTORS]; ROWS]);

impl Sums {
    #[inline(always)]
    fn zero() -> Self {
        Self([[f32x4_splat(0.0); VECTORS]; ROWS])
    }

    #[inline(always)]
    fn each(&mut self, with: impl Fn(v128) -> v128) {
        for sum in self.0.iter_mut().flatten() {
            *sum = with(*sum);
        }
    }

    /// `with(value, sum)`, with one value for each row.
    #[inline(always)]
    unsafe fn by_row(&mut self, values: *const f32, with: impl Fn(v128, v128) -> v128) {
        for (row, sums) in self.0.iter_mut().enumerate() {
            // SAFETY: the caller gives as many values as there are rows.
            let value = unsafe { v128_load32_splat(values.add(row).cast()) };
            for sum in sums {
                *sum = with(value, *sum);
            }
        }
    }

    /// `with(value, sum)`, with one value for each column.
    #[inline(always)]
    unsafe fn by_column(&mut self, values: *const f32, with: impl Fn(v128, v128) -> v128) {
        for vector in 0..VECTORS {
            // SAFETY: the caller gives as many values as there are columns.
            let value = unsafe { v128_load(values.add(vector * LANES).cast()) };
            for sums in &mut self.0 {
                sums[vector] = with(value, sums[vector]);
            }
        }
    }

    /// Adds a product of `depth` steps, of which each has its rows and its columns side by side.
    #[inline(always)]
    unsafe fn add_product(&mut self, depth: usize, left: *const f32, right: *const f32) {
        let (mut left, mut right) = (left, right);
        let mut sums = *self;
        for _ in 0..depth {
            // SAFETY: the caller gives as many elements as `depth` steps have, padded ones too.
            unsafe {
                let columns: [v128; VECTORS] =
                    std::array::from_fn(|vector| v128_load(right.add(vector * LANES).cast()));
                sums.by_row_and_vector(left, columns);
                left = left.add(ROWS);
                right = right.add(COLUMNS);
            }
        }
        *self = sums;
    }

    #[inline(always)]
    unsafe fn by_row_and_vector(&mut self, left: *const f32, columns: [v128; VECTORS]) {
        for (row, sums) in self.0.iter_mut().enumerate() {
            // SAFETY: the caller gives as many values as there are rows.
            let value = unsafe { v128_load32_splat(left.add(row).cast()) };
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = f32x4_add(*sum, f32x4_mul(value, column));
            }
        }
    }

    /// Adds the elements of a tile.
    #[inline(always)]
    unsafe fn add_tile(&mut self, tile: &OutputStoreKer) {
        for (row, sums) in self.0.iter_mut().enumerate() {
            for (vector, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the tile has as many rows and columns as there are sums.
                let found = unsafe {
                    let at = |lane| element(tile, row, vector * LANES + lane);
                    if tile.col_byte_stride == STRIDE {
                        v128_load(at(0).cast())
                    } else {
                        f32x4(*at(0), *at(1), *at(2), *at(3))
                    }
                };
                *sum = f32x4_add(found, *sum);
            }
        }
    }

    #[inline(always)]
    unsafe fn store(&self, tile: &OutputStoreKer) {
        for (row, sums) in self.0.iter().enumerate() {
            for (vector, sum) in sums.iter().enumerate() {
                // SAFETY: the tile has as many rows and columns as there are sums.
                unsafe {
                    let at = |lane| element(tile, row, vector * LANES + lane);
                    if tile.col_byte_stride == STRIDE {
                        v128_store(at(0).cast(), *sum);
                    } else {
                        *at(0) = f32x4_extract_lane::<0>(*sum);
                        *at(1) = f32x4_extract_lane::<1>(*sum);
                        *at(2) = f32x4_extract_lane::<2>(*sum);
                        *at(3) = f32x4_extract_lane::<3>(*sum);
                    }
                }
            }
        }
    }
}

/// Bytes from a column to the next where they stand side by side.
const STRIDE: isize = size_of::<f32>() as isize;

#[inline(always)]
unsafe fn element(tile: &OutputStoreKer, row: usize, column: usize) -> *mut f32 {
    // SAFETY: the caller names an element of the tile.
    unsafe {
        let row = tile.ptr.offset(tile.row_byte_stride * row as isize);
        row.offset(tile.col_byte_stride * column as isize).cast()
    }
}

/// One tile: does what tract asks for, step by step.
///
/// # Safety
/// Pointers in `steps` lead to as many elements as a tile of 4 x 8 has, or a side of it.
unsafe fn kernel(steps: &[FusedKerSpec<f32>]) -> isize {
    let mut sums = Sums::zero();
    for step in steps {
        // SAFETY: the caller vouches for what the steps point to.
        unsafe {
            match *step {
                FusedKerSpec::Done => return 0,
                FusedKerSpec::Clear => sums = Sums::zero(),
                FusedKerSpec::AddMatMul { k, pa, pb, packing: 0 } => {
                    sums.add_product(k, pa.cast(), pb.cast());
                }
                FusedKerSpec::LoadTile(_, rows) => {
                    sums = Sums(std::array::from_fn(|row| {
                        std::array::from_fn(|vector| {
                            v128_load(rows.add(row * COLUMNS + vector * LANES).cast())
                        })
                    }));
                }
                FusedKerSpec::Store(tile) => sums.store(&tile),
                FusedKerSpec::AddUnicast(tile) => sums.add_tile(&tile),
                FusedKerSpec::AddRowColProducts(rows, columns) => {
                    sums.add_product(1, rows, columns)
                }
                FusedKerSpec::ScalarMin(value) => {
                    sums.each(|sum| f32x4_min(f32x4_splat(value), sum))
                }
                FusedKerSpec::ScalarMax(value) => {
                    sums.each(|sum| f32x4_max(f32x4_splat(value), sum))
                }
                FusedKerSpec::ScalarAdd(value) => {
                    sums.each(|sum| f32x4_add(f32x4_splat(value), sum))
                }
                FusedKerSpec::ScalarMul(value) => {
                    sums.each(|sum| f32x4_mul(f32x4_splat(value), sum))
                }
                FusedKerSpec::ScalarSub(value) => {
                    sums.each(|sum| f32x4_sub(f32x4_splat(value), sum))
                }
                FusedKerSpec::ScalarSubF(value) => {
                    sums.each(|sum| f32x4_sub(sum, f32x4_splat(value)))
                }
                FusedKerSpec::PerRowMin(rows) => {
                    sums.by_row(rows, |value, sum| f32x4_min(value, sum))
                }
                FusedKerSpec::PerRowMax(rows) => {
                    sums.by_row(rows, |value, sum| f32x4_max(value, sum))
                }
                FusedKerSpec::PerRowAdd(rows) => {
                    sums.by_row(rows, |value, sum| f32x4_add(value, sum))
                }
                FusedKerSpec::PerRowMul(rows) => {
                    sums.by_row(rows, |value, sum| f32x4_mul(value, sum))
                }
                FusedKerSpec::PerRowSub(rows) => {
                    sums.by_row(rows, |value, sum| f32x4_sub(value, sum))
                }
                FusedKerSpec::PerRowSubF(rows) => {
                    sums.by_row(rows, |value, sum| f32x4_sub(sum, value))
                }
                FusedKerSpec::PerColMin(columns) => {
                    sums.by_column(columns, |value, sum| f32x4_min(value, sum))
                }
                FusedKerSpec::PerColMax(columns) => {
                    sums.by_column(columns, |value, sum| f32x4_max(value, sum))
                }
                FusedKerSpec::PerColAdd(columns) => {
                    sums.by_column(columns, |value, sum| f32x4_add(value, sum))
                }
                FusedKerSpec::PerColMul(columns) => {
                    sums.by_column(columns, |value, sum| f32x4_mul(value, sum))
                }
                FusedKerSpec::PerColSub(columns) => {
                    sums.by_column(columns, |value, sum| f32x4_sub(value, sum))
                }
                FusedKerSpec::PerColSubF(columns) => {
                    sums.by_column(columns, |value, sum| f32x4_sub(sum, value))
                }
                _ => return REFUSED,
            }
        }
    }
    0
}
