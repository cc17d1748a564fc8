mod assembly;

use ndarray::ArrayD;

pub use self::assembly::{PictureAssembly, TensorAssembly};
use crate::{
    ImageOutput, Picture, Preprocess, Tiling, VisionError, VisionErrorKind,
    preprocess::{normalized, with_channels_of},
};

/// How long tiles are along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// One tile over the whole picture.
    Whole,
    /// At most this many pixels; a shorter picture is one tile.
    AtMost(usize),
    /// This many pixels, whatever the picture: the model's own fixed size.
    Exactly(usize),
}

/// The cuts along one axis.
///
/// All tiles are equally long, so an engine plans for one shape. A tile keeps what lies at least
/// the overlap away from its cut edges; at the picture's borders it keeps everything, so that
/// padding inside the network acts only where it acts on the whole picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    length: usize,
    side: usize,
    step: usize,
    overlap: usize,
    count: usize,
}

impl Axis {
    /// The cuts of `length` pixels.
    ///
    /// # Errors
    /// [`VisionErrorKind::TileTooSmall`] when a tile has nothing left between its overlaps.
    pub fn new(length: usize, span: Span, tiling: &Tiling) -> Result<Self, VisionError> {
        let multiple = tiling.multiple;
        let padded = length.next_multiple_of(multiple);
        let side = match span {
            Span::Whole => padded,
            Span::AtMost(side) => padded.min(side - side % multiple),
            Span::Exactly(side) => side,
        };
        if length <= side {
            return Ok(Self { length, side, step: side, overlap: 0, count: 1 });
        }
        let overlap = tiling.overlap.next_multiple_of(multiple);
        let smallest = 2 * overlap + multiple;
        if side < smallest {
            let message = format!(
                "tiles of {side} pixels are too small for this model: its reach of {} pixels \
                 wants at least {smallest}",
                tiling.overlap
            );
            return Err(VisionError::new(VisionErrorKind::TileTooSmall, message));
        }
        let room = side - 2 * overlap;
        let step = room - room % multiple;
        let count = 1 + (length - side).div_ceil(step);
        Ok(Self { length, side, step, overlap, count })
    }

    /// Pixels of every tile.
    pub fn side(&self) -> usize {
        self.side
    }

    /// First pixel of tile `index`, and the range of the picture's pixels that it gives.
    fn tile(&self, index: usize, multiple: usize) -> (usize, std::ops::Range<usize>) {
        let boundary = |index: usize| index * self.step + self.overlap;
        let last = index + 1 == self.count;
        let start = if last && index > 0 {
            (self.length - self.side).next_multiple_of(multiple)
        } else {
            index * self.step
        };
        let from = if index == 0 { 0 } else { boundary(index) };
        (start, from..if last { self.length } else { boundary(index + 1) })
    }
}

/// One tile: where it is read and what it gives, in pixels of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    left: usize,
    top: usize,
    columns: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

/// The cuts of a picture.
#[derive(Debug, Clone, Copy)]
pub struct TilePlan {
    /// The cuts of a row.
    pub horizontal: Axis,
    /// The cuts of a column.
    pub vertical: Axis,
    multiple: usize,
}

impl TilePlan {
    /// Cuts a picture into tiles as wide and as high as `spans` says.
    ///
    /// # Errors
    /// As [`Axis::new`].
    pub fn new(
        picture: &Picture,
        tiling: &Tiling,
        (width, height): (Span, Span),
    ) -> Result<Self, VisionError> {
        let horizontal = Axis::new(picture.width(), width, tiling)?;
        let vertical = Axis::new(picture.height(), height, tiling)?;
        Ok(Self { horizontal, vertical, multiple: tiling.multiple })
    }

    /// The number of tiles.
    pub fn count(&self) -> usize {
        self.horizontal.count * self.vertical.count
    }

    /// Tile `index`, counted row by row; `None` from [`Self::count`] on.
    pub fn tile(&self, index: usize) -> Option<Tile> {
        let (row, column) = (index / self.horizontal.count, index % self.horizontal.count);
        (row < self.vertical.count).then(|| {
            let (left, columns) = self.horizontal.tile(column, self.multiple);
            let (top, rows) = self.vertical.tile(row, self.multiple);
            Tile { left, top, columns, rows }
        })
    }

    /// The tiles, row by row.
    pub fn tiles(&self) -> impl Iterator<Item = Tile> {
        let plan = *self;
        (0..plan.count()).filter_map(move |index| plan.tile(index))
    }

    /// Runs a model that maps pictures to pictures of the same size, tile by tile: besides the
    /// picture and the result, memory is taken for one tile only. The contract's own resize does
    /// not apply.
    ///
    /// # Errors
    /// Those of `run`, [`VisionErrorKind::ShapeMismatch`] for a tile of another size, and
    /// [`VisionErrorKind::NotFinite`].
    pub fn run_picture<E: From<VisionError>>(
        &self,
        picture: &Picture,
        (input, output): (&Preprocess, &ImageOutput),
        mut run: impl FnMut(ArrayD<f32>) -> Result<ArrayD<f32>, E>,
    ) -> Result<Picture, E> {
        let mut result = PictureAssembly::new(*self, output.clone());
        for tile in self.tiles() {
            result.place(&tile, &run(self.read(picture, &tile, input))?)?;
        }
        Ok(result.finish())
    }

    /// As [`Self::run_picture`], with the result as a tensor of the input's layout.
    ///
    /// # Errors
    /// Those of `run`, and [`VisionErrorKind::ShapeMismatch`] for a tile of another size.
    pub fn run_tensor<E: From<VisionError>>(
        &self,
        picture: &Picture,
        input: &Preprocess,
        mut run: impl FnMut(ArrayD<f32>) -> Result<ArrayD<f32>, E>,
    ) -> Result<ArrayD<f32>, E> {
        let mut result = TensorAssembly::new(*self, input.layout);
        for tile in self.tiles() {
            result.place(&tile, &run(self.read(picture, &tile, input))?)?;
        }
        Ok(result.finish())
    }

    /// The model's input for one tile of `picture`, which is the one that was cut.
    pub fn read(&self, picture: &Picture, tile: &Tile, input: &Preprocess) -> ArrayD<f32> {
        let (width, height) = (self.horizontal.side, self.vertical.side);
        let window = picture.window(tile.left, tile.top, width, height);
        normalized(&with_channels_of(&window, input.color), input)
    }

    /// Width and height of the picture that was cut.
    fn picture_sides(&self) -> (usize, usize) {
        (self.horizontal.length, self.vertical.length)
    }

    fn check_sides(&self, (height, width): (usize, usize)) -> Result<(), VisionError> {
        if (height, width) == (self.vertical.side, self.horizontal.side) {
            return Ok(());
        }
        Err(self.wrong_tile(&format!("{height} rows of {width}")))
    }

    fn wrong_tile(&self, got: &str) -> VisionError {
        let message = format!(
            "tiles need a model that keeps the picture's size: a tile of {} rows of {} pixels went \
             in, {got} came out",
            self.vertical.side, self.horizontal.side
        );
        VisionError::new(VisionErrorKind::ShapeMismatch, message)
    }
}
