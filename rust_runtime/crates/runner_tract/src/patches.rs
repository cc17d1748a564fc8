//! The patches that convolutions read, laid out for products in whole vectors.
//!
//! tract gathers them element by element where a kernel has six or more. Elements that a panel of
//! the product takes from one row of the input stand side by side there, so that they can be copied
//! as one: that gains a sixth of the denoiser's time in the browser, and natively nothing that can
//! be measured (`benchmarks/README.md`). It is the same everywhere, so that every test tests it.
//! Only that operation is replaced, after tract has optimised the model: the product, what is
//! computed along with it, and every place that tract lays out in another way stay tract's.
#![allow(unsafe_code, reason = "tract's kernels take a panel by its address")]

mod border;

use std::{
    alloc::Layout,
    array,
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    ops::Range,
    sync::Arc,
};

use tract_onnx::{
    prelude::*,
    tract_core::{
        args_1, as_op,
        internal::{
            EvalContext, EvalOp, ExoticFact, StaticName, TensorView, TractErrorContext, bail,
            ensure,
        },
        op_as_typed_op, op_out_of_plan,
        ops::{
            array::Pad,
            cnn::{Conv, PaddingSpec, PoolSpec},
            matmul::pack::DynPackedExoticFact,
        },
        tract_linalg::{
            WeightType,
            mmm::{EagerPackedInput, MMMInputFormat, MMMInputValue, PackedMatrixStorage},
            pack::PackedFormat,
        },
    },
};

use self::border::{Border, Window};

/// What tract calls its own operation, and what it puts behind the name of the convolution.
const REPLACED: (&str, &str) = ("LazyIm2col", ".lazyIm2col");

/// The model as tract optimises it, with patches laid out in vectors.
pub(crate) fn optimized(mut model: TypedModel) -> TractResult<TypedModel> {
    model.declutter()?;
    let convolutions: HashMap<String, Conv> = model
        .nodes()
        .iter()
        .filter_map(|node| Some((node.name.clone(), node.op_as::<Conv>()?.clone())))
        .collect();
    model.optimize()?;
    for id in 0..model.nodes().len() {
        let node = model.node(id);
        let name = node.name.strip_suffix(REPLACED.1).filter(|_| node.op.name() == REPLACED.0);
        let Some(convolution) = name.and_then(|name| convolutions.get(name)) else { continue };
        let (input, output) = (model.outlet_fact(node.inputs[0])?, &node.outputs[0].fact);
        // What cannot be followed stays tract's.
        let Ok(Some(patches)) = Patches::new(convolution, input, output) else { continue };
        let (input, patches) = unpadded(&model, node.inputs[0], convolution, patches)?;
        TypedModelPatch::replace_single_op(&model, node, &[input], patches)?.apply(&mut model)?;
    }
    Ok(model)
}

/// The patches of what tract pads with zeros for a convolution, from before it does, if they can
/// be taken there: the padded input is then never made.
fn unpadded(
    model: &TypedModel,
    padded: OutletId,
    convolution: &Conv,
    patches: Patches,
) -> TractResult<(OutletId, Patches)> {
    let node = model.node(padded.node);
    let before = match node.op_as::<Pad>() {
        Some(pad) => {
            let shape = model.outlet_fact(node.inputs[0])?.shape.as_concrete();
            shape.and_then(|shape| patches.before(pad, shape, convolution))
        }
        None => None,
    };
    Ok(before.map_or((padded, patches), |patches| (node.inputs[0], patches)))
}

/// Where the elements of a product's right side are: row by row, column by column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Offsets {
    packing: PackedFormat,
    /// Of each row from the first: an element of the kernel in one channel.
    rows: Vec<usize>,
    columns: Columns,
    /// Whether a panel's columns stand side by side.
    in_line: Vec<bool>,
}

/// Where each column is, a place of the result, from the first. There are as many as places in the
/// picture, so that each is kept once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Columns {
    Offsets(Vec<isize>),
    /// Lines and columns of a picture that ends within the patches.
    Places(Border),
}

impl Columns {
    fn len(&self) -> usize {
        match self {
            Self::Offsets(offsets) => offsets.len(),
            Self::Places(border) => border.columns.len(),
        }
    }

    fn of(&self, range: Range<usize>) -> impl Iterator<Item = isize> {
        let (offsets, border) = match self {
            Self::Offsets(offsets) => (&offsets[range], None),
            Self::Places(border) => (&[][..], Some((border, &border.columns[range]))),
        };
        let places = border
            .into_iter()
            .flat_map(|(border, places)| places.iter().map(|&place| border.offset(place)));
        offsets.iter().copied().chain(places)
    }

    /// Those of `WIDTH` columns from one on, if there are as many.
    #[inline]
    fn array<const WIDTH: usize>(&self, range: Range<usize>) -> Option<[isize; WIDTH]> {
        match self {
            Self::Offsets(offsets) => offsets[range].try_into().ok(),
            Self::Places(border) => {
                let places: &[_; WIDTH] = border.columns[range].try_into().ok()?;
                Some(places.map(|place| border.offset(place)))
            }
        }
    }

    fn border(&self) -> Option<&Border> {
        match self {
            Self::Offsets(_) => None,
            Self::Places(border) => Some(border),
        }
    }
}

impl Offsets {
    fn new(packing: PackedFormat, rows: Vec<usize>, columns: Columns) -> Self {
        let mut offsets = Self { packing, rows, columns, in_line: Vec::new() };
        let panels = offsets.columns.len().div_ceil(offsets.packing.r);
        let in_line = |panel| {
            let range = offsets.columns_of(panel);
            range.len() == offsets.packing.r
                && offsets.columns.of(range).is_sorted_by(|left, right| left + 1 == *right)
        };
        offsets.in_line = (0..panels).map(in_line).collect();
        offsets
    }

    /// The last element that is read, if any is.
    fn last(&self) -> Option<usize> {
        let last = self.columns.of(0..self.columns.len()).max()?;
        self.rows.iter().max()?.checked_add_signed(last)
    }

    fn columns_of(&self, panel: usize) -> Range<usize> {
        let start = panel * self.packing.r;
        start..self.columns.len().min(start + self.packing.r)
    }

    /// Fills a panel of `WIDTH` columns.
    ///
    /// # Safety
    /// Every element of the panel can be read from `from` on, and `to` has room for all rows.
    #[inline]
    unsafe fn fill<const WIDTH: usize>(&self, panel: usize, from: *const f32, mut to: *mut f32) {
        let range = self.columns_of(panel);
        let Some(columns) = self.columns.array::<WIDTH>(range.clone()) else {
            // SAFETY: the caller's.
            return unsafe { self.fill_any(panel, from, to) };
        };
        if let Some(border) = self.columns.border().filter(|border| !border.inside[panel]) {
            // SAFETY: the caller's.
            return match Border::line(&border.columns[range]) {
                Some(first) => unsafe {
                    self.fill_line::<WIDTH>(border, first, from.wrapping_offset(columns[0]), to);
                },
                None => unsafe { self.fill_any(panel, from, to) },
            };
        }
        // SAFETY: the caller's.
        unsafe {
            if self.in_line[panel] {
                let from = from.offset(columns[0]);
                for &row in &self.rows {
                    let elements = from.add(row).cast::<[f32; WIDTH]>();
                    to.cast::<[f32; WIDTH]>().write_unaligned(elements.read_unaligned());
                    to = to.add(WIDTH);
                }
            } else {
                for &row in &self.rows {
                    let from = from.add(row);
                    let elements: [f32; WIDTH] =
                        array::from_fn(|index| *from.offset(columns[index]));
                    to.cast::<[f32; WIDTH]>().write_unaligned(elements);
                    to = to.add(WIDTH);
                }
            }
        }
    }

    /// Fills a panel of `WIDTH` columns that stand side by side, the first of them at `first`, where
    /// some of its elements may lie beyond the input. Those are zero.
    ///
    /// # Safety
    /// As of [`Offsets::fill`], for the elements of the input; `from` is where those of the first
    /// column are.
    unsafe fn fill_line<const WIDTH: usize>(
        &self,
        border: &Border,
        first: [isize; 2],
        from: *const f32,
        mut to: *mut f32,
    ) {
        let lines = 0..border.sides[0];
        let whole = 0..=border.sides[1] - WIDTH.cast_signed();
        for (&row, [down, right]) in self.rows.iter().zip(&border.rows) {
            let (line, column) = (first[0] + down, first[1] + right);
            let mut elements = [0.0; WIDTH];
            let from = from.wrapping_add(row);
            // SAFETY: the caller's; what is beyond the input is not read.
            unsafe {
                if !lines.contains(&line) {
                } else if whole.contains(&column) {
                    elements = from.cast::<[f32; WIDTH]>().read_unaligned();
                } else {
                    for (index, (place, element)) in (column..).zip(&mut elements).enumerate() {
                        if border.has([line, place]) {
                            *element = *from.wrapping_add(index);
                        }
                    }
                }
                to.cast::<[f32; WIDTH]>().write_unaligned(elements);
                to = to.add(WIDTH);
            }
        }
    }

    /// Fills a panel of any width, or as much of it as there are columns, with zeros for elements
    /// beyond the input.
    ///
    /// # Safety
    /// As of [`Offsets::fill`].
    #[inline(never)]
    unsafe fn fill_any(&self, panel: usize, from: *const f32, mut to: *mut f32) {
        let range = self.columns_of(panel);
        let border = self.columns.border().map(|border| (border, &border.columns[range.clone()]));
        for (index, &row) in self.rows.iter().enumerate() {
            let is_there = |place: usize| {
                border.is_none_or(|(border, places)| border.has_row(index, places[place]))
            };
            // SAFETY: the caller's; what is beyond the input is not read.
            unsafe {
                for (place, column) in self.columns.of(range.clone()).enumerate() {
                    let at = from.wrapping_add(row).wrapping_offset(column);
                    *to.add(place) = if is_there(place) { *at } else { 0.0 };
                }
                to = to.add(self.packing.r);
            }
        }
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "patches in panels of {}", self.packing.r)
    }
}

impl MMMInputFormat for Offsets {
    fn prepare_tensor(&self, _: &Tensor, _: usize, _: usize) -> TractResult<Tensor> {
        bail!("{self} are laid out by their convolution")
    }

    fn prepare_one_view(
        &self,
        _: &TensorView,
        _: usize,
        _: usize,
    ) -> TractResult<Box<dyn MMMInputValue>> {
        bail!("{self} are laid out by their convolution")
    }

    fn precursor(&self) -> WeightType {
        self.packing.precursor()
    }

    fn r(&self) -> usize {
        self.packing.r
    }

    fn k_alignment(&self) -> usize {
        1
    }

    fn mem_size(&self, k: TDim, mn: TDim) -> TDim {
        k * mn * size_of::<f32>()
    }

    fn extract_at_mn_f16(&self, _: &EagerPackedInput, _: usize, _: &mut [f16]) -> TractResult<()> {
        bail!("{self} hold f32")
    }

    fn extract_at_mn_f32(&self, _: &EagerPackedInput, _: usize, _: &mut [f32]) -> TractResult<()> {
        bail!("{self} are laid out by their convolution")
    }
}

impl ExoticFact for Offsets {
    fn buffer_sizes(&self) -> TVec<TDim> {
        let (k, mn) = (self.rows.len().to_dim(), self.columns.len().to_dim());
        tvec!(MMMInputFormat::mem_size(self, k, mn))
    }
}

/// Lays out the patches of a convolution when the product asks for them, for each of its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Patches {
    offsets: Arc<Offsets>,
    groups: usize,
    /// Elements from a group's channels to the next's.
    group_stride: usize,
    /// Elements of the input.
    length: usize,
}

impl Patches {
    /// What replaces tract's operation between these facts, if this convolution is what it is for.
    fn new(convolution: &Conv, input: &TypedFact, output: &TypedFact) -> TractResult<Option<Self>> {
        let packed = output.exotic_fact().and_then(|fact| fact.downcast_ref());
        let (Some(shape), Some(DynPackedExoticFact { k, mn, packers })) =
            (input.shape.as_concrete(), packed)
        else {
            return Ok(None);
        };
        let packing = match &**packers {
            [packing] => packing.downcast_ref::<PackedFormat>(),
            _ => None,
        };
        let is_f32 = |kind: DatumType| kind == f32::datum_type();
        let Some(packing) = packing.filter(|it| is_f32(it.dt) && is_f32(input.datum_type)) else {
            return Ok(None);
        };
        // tract has padded the input before.
        let spec = PoolSpec { padding: PaddingSpec::Valid, ..convolution.pool_spec.clone() };
        let channel = *spec.data_format.shape(shape)?.c_stride();
        let geometry = spec.compute_geo(&input.shape)?.to_concrete(shape)?.into_owned();
        let groups = convolution.group;
        let channels = spec.input_channels / groups;
        let kernel = elements(&geometry.patch.standard_layout_data_field)?;
        let rows =
            (0..channels).flat_map(|index| kernel.iter().map(move |at| at + index * channel));
        let columns = geometry.patch.centers_offsets().into_iter().collect();
        let offsets = Offsets::new(packing.clone(), rows.collect(), Columns::Offsets(columns));
        let (length, group_stride) = (shape.iter().product(), channels * channel);
        let is_inside = offsets.last().is_some_and(|last| {
            last + (groups - 1) * group_stride < length
                && *k == offsets.rows.len().to_dim()
                && *mn == offsets.columns.len().to_dim()
        });
        let offsets = Arc::new(offsets);
        Ok(is_inside.then_some(Self { offsets, groups, group_stride, length }))
    }

    /// The same patches of an input of this shape, which tract pads with zeros to what `self` are of.
    fn before(&self, pad: &Pad, shape: &[usize], convolution: &Conv) -> Option<Self> {
        let window = Window::new(pad, shape, &convolution.pool_spec)?;
        let group = window.channels / self.groups;
        let (rows, columns) = window.offsets(window.padded(), group);
        if rows != self.offsets.rows || Columns::Offsets(columns) != self.offsets.columns {
            return None;
        }
        let [height, width] = window.sides;
        let border = window.border(group, self.offsets.packing.r)?;
        // Elements at the border are looked at one by one, which takes longer than padding a picture
        // that is little else.
        let inside = border.inside.iter().filter(|&&inside| inside).count();
        if inside * 2 <= border.inside.len() {
            return None;
        }
        let (rows, _) = window.offsets(window.sides, group);
        let packing = self.offsets.packing.clone();
        Some(Self {
            offsets: Arc::new(Offsets::new(packing, rows, Columns::Places(border))),
            groups: self.groups,
            group_stride: group * height * width,
            length: window.channels * height * width,
        })
    }
}

/// Offsets by tract, none of which leads before the first element.
fn elements(offsets: &[isize]) -> TractResult<Vec<usize>> {
    offsets.iter().map(|&offset| Ok(usize::try_from(offset)?)).collect()
}

impl Op for Patches {
    fn name(&self) -> StaticName {
        "Patches".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Patches {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let tensor = args_1!(inputs).into_arc_tensor();
        ensure!(tensor.datum_type() == f32::datum_type() && tensor.len() == self.length);
        let matrices = (0..self.groups).map(|group| {
            let start = group * self.group_stride;
            let (tensor, offsets) = (Arc::clone(&tensor), Arc::clone(&self.offsets));
            Box::new(Matrix { tensor, start, offsets }) as Box<dyn MMMInputValue>
        });
        let storage = PackedMatrixStorage::new_batched(&[1, self.groups], matrices.collect());
        Ok(tvec!(storage.into_tensor(f32::datum_type()).into_tvalue()))
    }
}

impl TypedOp for Patches {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let fact = DynPackedExoticFact {
            k: self.offsets.rows.len().to_dim(),
            mn: self.offsets.columns.len().to_dim(),
            packers: vec![Box::new(self.offsets.packing.clone())],
        };
        Ok(tvec!(inputs[0].datum_type.fact([1, self.groups]).with_exotic_fact(fact)))
    }

    as_op!();
}

/// The right side of one group's product.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Matrix {
    tensor: Arc<Tensor>,
    /// The group's first element.
    start: usize,
    /// Lie within the tensor from `start` on, as [`Patches`] sees to.
    offsets: Arc<Offsets>,
}

impl Hash for Matrix {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.tensor.as_bytes(), self.start, &self.offsets).hash(state);
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.offsets.fmt(out)
    }
}

impl MMMInputValue for Matrix {
    fn format(&self) -> &dyn MMMInputFormat {
        &*self.offsets
    }

    fn scratch_panel_buffer_layout(&self) -> Option<Layout> {
        Some(self.offsets.packing.single_panel_layout(self.k(), size_of::<f32>()))
    }

    #[expect(clippy::cast_ptr_alignment, reason = "the buffer has the layout that is asked for")]
    fn panel_bytes(&self, panel: usize, buffer: Option<*mut u8>) -> TractResult<*const u8> {
        let buffer = buffer.context("a panel of patches has no room")?;
        let (offsets, to) = (&*self.offsets, buffer.cast::<f32>());
        // SAFETY: the offsets lie within the tensor, and the buffer is as long as the layout of
        // `scratch_panel_buffer_layout`, which has `r` elements for each row.
        unsafe {
            let from = self.tensor.as_ptr_unchecked::<f32>().add(self.start);
            match offsets.packing.r {
                4 => offsets.fill::<4>(panel, from, to),
                6 => offsets.fill::<6>(panel, from, to),
                8 => offsets.fill::<8>(panel, from, to),
                12 => offsets.fill::<12>(panel, from, to),
                16 => offsets.fill::<16>(panel, from, to),
                _ => offsets.fill_any(panel, from, to),
            }
        }
        Ok(buffer)
    }

    fn mn(&self) -> usize {
        self.offsets.columns.len()
    }

    fn k(&self) -> usize {
        self.offsets.rows.len()
    }

    fn exotic_fact(&self) -> &dyn ExoticFact {
        &*self.offsets
    }

    fn extract_at_mn_f16(&self, _: usize, _: &mut [f16]) -> TractResult<()> {
        bail!("{self} hold f32")
    }

    fn extract_at_mn_f32(&self, _: usize, _: &mut [f32]) -> TractResult<()> {
        bail!("{self} are read by panels")
    }
}
