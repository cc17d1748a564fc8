use ndarray::{ArrayD, Axis as ArrayAxis, IxDyn, Slice};

use super::{Tile, TilePlan};
use crate::{ImageOutput, Layout, Picture, VisionError, postprocess::picture_of};

/// A picture that grows as the tiles of a plan come back from the model, in any order.
#[derive(Debug)]
pub struct PictureAssembly {
    plan: TilePlan,
    output: ImageOutput,
    result: Picture,
}

impl PictureAssembly {
    /// An empty result for the picture of `plan`.
    pub fn new(plan: TilePlan, output: ImageOutput) -> Self {
        let (width, height) = plan.picture_sides();
        let result = Picture::black(width, height, output.color.channels());
        Self { plan, output, result }
    }

    /// Puts what the model made of a tile in its place.
    ///
    /// # Errors
    /// [`crate::VisionErrorKind::ShapeMismatch`] for a result of another size than the tile, and
    /// [`crate::VisionErrorKind::NotFinite`].
    pub fn place(&mut self, tile: &Tile, made: &ArrayD<f32>) -> Result<(), VisionError> {
        let part = picture_of(made, &self.output)?;
        self.plan.check_sides((part.height(), part.width()))?;
        let (left, top) = (tile.columns.start - tile.left, tile.rows.start - tile.top);
        let kept = Picture::crop_of(&part, left, top, tile.columns.len(), tile.rows.len());
        self.result.paste(&kept, tile.columns.start, tile.rows.start);
        Ok(())
    }

    /// The result; what no tile was placed on is black.
    pub fn finish(self) -> Picture {
        self.result
    }
}

/// As [`PictureAssembly`], with the result as a tensor of the input's layout.
#[derive(Debug)]
pub struct TensorAssembly {
    plan: TilePlan,
    axes: (usize, usize),
    result: Option<ArrayD<f32>>,
}

impl TensorAssembly {
    /// An empty result for the picture of `plan`.
    pub fn new(plan: TilePlan, layout: Layout) -> Self {
        let axes = if layout == Layout::Nchw { (2, 3) } else { (1, 2) };
        Self { plan, axes, result: None }
    }

    /// Puts what the model made of a tile in its place.
    ///
    /// # Errors
    /// [`crate::VisionErrorKind::ShapeMismatch`] for a result of another size than the tile, or of
    /// another number of channels than the one before.
    pub fn place(&mut self, tile: &Tile, made: &ArrayD<f32>) -> Result<(), VisionError> {
        let (rows, columns) = self.axes;
        let sides = (made.ndim() == 4).then(|| (made.shape()[rows], made.shape()[columns]));
        self.plan.check_sides(sides.unwrap_or_default())?;
        let whole = self.result.get_or_insert_with(|| {
            let mut shape = made.shape().to_vec();
            (shape[columns], shape[rows]) = self.plan.picture_sides();
            ArrayD::zeros(IxDyn(&shape))
        });
        let mut target = whole.slice_axis_mut(ArrayAxis(rows), Slice::from(tile.rows.clone()));
        target.slice_axis_inplace(ArrayAxis(columns), Slice::from(tile.columns.clone()));
        let mut kept = made.view();
        let inside = |range: &std::ops::Range<usize>, start: usize| {
            Slice::from(range.start - start..range.end - start)
        };
        kept.slice_axis_inplace(ArrayAxis(rows), inside(&tile.rows, tile.top));
        kept.slice_axis_inplace(ArrayAxis(columns), inside(&tile.columns, tile.left));
        if target.shape() != kept.shape() {
            return Err(self.plan.wrong_tile("another number of channels than before"));
        }
        target.assign(&kept);
        Ok(())
    }

    /// The result; empty where no tile was placed.
    pub fn finish(self) -> ArrayD<f32> {
        self.result.unwrap_or_default()
    }
}
