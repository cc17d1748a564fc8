use tract_onnx::tract_core::ops::{
    array::{Pad, PadMode},
    cnn::PoolSpec,
    nn::DataFormat,
};

/// Lines and columns, or a place in them.
type Place = [usize; 2];

/// The window of a convolution over one picture that is padded with zeros.
pub(super) struct Window {
    pub(super) channels: usize,
    /// Of the picture.
    pub(super) sides: Place,
    /// Zeros before the first line and column.
    before: Place,
    after: Place,
    kernel: Place,
    strides: Place,
    dilations: Place,
}

impl Window {
    /// `None` for what is no such thing.
    pub(super) fn new(pad: &Pad, shape: &[usize], spec: &PoolSpec) -> Option<Self> {
        let is_zero = match &pad.mode {
            PadMode::Constant(value) => value.cast_to_scalar::<f32>().is_ok_and(|it| it == 0.0),
            _ => false,
        };
        let (&[1, channels, height, width], &[(0, 0), (0, 0), (top, bottom), (left, right)]) =
            (shape, &*pad.pads)
        else {
            return None;
        };
        let window = Self {
            channels,
            sides: [height, width],
            before: [top, left],
            after: [bottom, right],
            kernel: (*spec.kernel_shape).try_into().ok()?,
            strides: (*spec.strides()).try_into().ok()?,
            dilations: (*spec.dilations()).try_into().ok()?,
        };
        (is_zero && spec.data_format == DataFormat::NCHW).then_some(window)
    }

    pub(super) fn padded(&self) -> Place {
        [0, 1].map(|axis| self.sides[axis] + self.before[axis] + self.after[axis])
    }

    /// From the first element of the kernel to its last.
    fn reach(&self) -> Place {
        [0, 1].map(|axis| self.dilations[axis] * (self.kernel[axis] - 1))
    }

    /// The kernel's elements, from its first.
    fn elements(&self) -> Vec<Place> {
        grid([0, 1].map(|axis| (self.kernel[axis], self.dilations[axis])))
    }

    /// Where the kernel's first element comes to stand, in the padded picture.
    fn stands(&self) -> Vec<Place> {
        let (padded, reach) = (self.padded(), self.reach());
        let step = |axis: usize| {
            let free = padded[axis].saturating_sub(reach[axis]);
            (free.div_ceil(self.strides[axis]), self.strides[axis])
        };
        grid([step(0), step(1)])
    }

    /// Offsets of the rows of so many channels, and of the columns, in channels of these sides.
    pub(super) fn offsets(
        &self,
        [height, width]: Place,
        channels: usize,
    ) -> (Vec<usize>, Vec<isize>) {
        let elements = self.elements();
        let row =
            |channel: usize, &[line, column]: &Place| (channel * height + line) * width + column;
        let rows =
            (0..channels).flat_map(|channel| elements.iter().map(move |at| row(channel, at)));
        let columns = self.stands().into_iter();
        let columns = columns.map(|[line, column]| (line * width + column).cast_signed());
        (rows.collect(), columns.collect())
    }

    /// What lies around the picture, for rows of so many channels and panels of so many columns;
    /// `None` for a picture that is too large.
    pub(super) fn border(&self, channels: usize, panel: usize) -> Option<Border> {
        let elements = self.elements().into_iter().map(signed);
        let rows = vec![elements.collect::<Vec<_>>(); channels].concat();
        let columns = self.stands().into_iter().map(|place| self.unpadded(place));
        let columns: Vec<_> = columns.collect::<Option<_>>()?;
        let (sides, [down, right]) = (signed(self.sides), signed(self.reach()));
        let is_inside = |&place: &[i16; 2]| {
            let [line, column] = place.map(isize::from);
            line >= 0 && column >= 0 && line + down < sides[0] && column + right < sides[1]
        };
        let inside = columns.chunks(panel).map(|places| places.iter().all(is_inside)).collect();
        Some(Border { sides, rows, columns, inside })
    }

    /// A place in the padded picture, from the first one that is not padded.
    fn unpadded(&self, place: Place) -> Option<[i16; 2]> {
        let axis = |axis: usize| {
            i16::try_from(place[axis].cast_signed() - self.before[axis].cast_signed()).ok()
        };
        Some([axis(0)?, axis(1)?])
    }
}

/// Places by lines: so many on each axis, so far from each other.
fn grid([(lines, down), (columns, right)]: [(usize, usize); 2]) -> Vec<Place> {
    let line = |line| (0..columns).map(move |column| [line * down, column * right]);
    (0..lines).flat_map(line).collect()
}

fn signed(place: Place) -> [isize; 2] {
    place.map(usize::cast_signed)
}

/// What lies around an input that is padded with zeros only when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Border {
    /// Lines and columns of the input.
    pub(super) sides: [isize; 2],
    /// Line and column of each row, from those of the column.
    pub(super) rows: Vec<[isize; 2]>,
    /// Line and column of each column, which are negative before the input.
    pub(super) columns: Vec<[i16; 2]>,
    /// Whether all elements of a panel are of the input.
    pub(super) inside: Vec<bool>,
}

impl Border {
    /// The first of these places, if the others stand in its line, side by side.
    pub(super) fn line(places: &[[i16; 2]]) -> Option<[isize; 2]> {
        let &[line, first] = places.first()?;
        let in_line = (first..).zip(places).all(|(column, &place)| place == [line, column]);
        in_line.then(|| [line, first].map(isize::from))
    }

    /// From the first element of the input, before which there may be none.
    pub(super) fn offset(&self, place: [i16; 2]) -> isize {
        let [line, column] = place.map(isize::from);
        line * self.sides[1] + column
    }

    /// Whether a row's element at a column of this place is of the input.
    pub(super) fn has_row(&self, row: usize, place: [i16; 2]) -> bool {
        let ([down, right], [line, column]) = (self.rows[row], place.map(isize::from));
        self.has([line + down, column + right])
    }

    pub(super) fn has(&self, [line, column]: [isize; 2]) -> bool {
        (0..self.sides[0]).contains(&line) && (0..self.sides[1]).contains(&column)
    }
}
