//! Proves that a picture run through tiles equals the picture run whole.

use ndarray::{Array3, ArrayD, Axis as ArrayAxis, Ix4, s};
use vision_io::{
    Axis, ImageOutput, Picture, Preprocess, Span, TilePlan, Tiling, VisionError, VisionErrorKind,
};

/// A small seeded generator (xorshift), so that failures repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn within(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        range.start() + self.next() as usize % (range.end() - range.start() + 1)
    }

    fn weight(&mut self) -> f32 {
        (self.next() % 2001) as f32 / 3000.0 - 1.0 / 3.0
    }

    fn picture(&mut self, width: usize, height: usize) -> Picture {
        let pixels = (0..width * height * 3).map(|_| self.next() as u8).collect();
        Picture::new(width, height, 3, pixels).unwrap()
    }
}

type Kernel = Vec<Vec<[[f32; 3]; 3]>>;

fn kernel(random: &mut Random, from: usize, to: usize) -> Kernel {
    let mut tap = || std::array::from_fn(|_| std::array::from_fn(|_| random.weight()));
    (0..to).map(|_| (0..from).map(|_| tap()).collect()).collect()
}

/// A 3x3 convolution with zero padding.
fn convolve(input: &Array3<f32>, kernel: &Kernel) -> Array3<f32> {
    let (_, height, width) = input.dim();
    let mut padded = Array3::zeros((input.len_of(ArrayAxis(0)), height + 2, width + 2));
    padded.slice_mut(s![.., 1..=height, 1..=width]).assign(input);
    Array3::from_shape_fn((kernel.len(), height, width), |(channel, y, x)| {
        let mut sum = 0.0;
        for (plane, taps) in padded.outer_iter().zip(&kernel[channel]) {
            for (dy, row) in taps.iter().enumerate() {
                for (dx, weight) in row.iter().enumerate() {
                    sum += weight * plane[[y + dy, x + dx]];
                }
            }
        }
        sum
    })
}

/// Three convolutions with a rectifier between them: reach 3.
struct Network(Vec<Kernel>);

impl Network {
    fn new(random: &mut Random) -> Self {
        Self([(3, 4), (4, 4), (4, 3)].map(|(from, to)| kernel(random, from, to)).into())
    }

    fn run(&self, input: ArrayD<f32>) -> ArrayD<f32> {
        let mut value = planes(input);
        for (index, kernel) in self.0.iter().enumerate() {
            value = convolve(&value, kernel);
            if index < 2 {
                value.mapv_inplace(|value| value.max(0.0));
            }
        }
        value.insert_axis(ArrayAxis(0)).into_dyn()
    }

    /// Halves the sides, convolves, doubles them again: reach 7 of a grid of 2.
    fn run_on_halves(&self, input: ArrayD<f32>) -> ArrayD<f32> {
        let input = planes(input);
        let (channels, height, width) = input.dim();
        assert!(height % 2 == 0 && width % 2 == 0, "sides are multiples of 2");
        let half = Array3::from_shape_fn((channels, height / 2, width / 2), |(c, y, x)| {
            input.slice(s![c, 2 * y..2 * y + 2, 2 * x..2 * x + 2]).sum() / 4.0
        });
        let half = planes(self.run(half.insert_axis(ArrayAxis(0)).into_dyn()));
        let double =
            Array3::from_shape_fn((channels, height, width), |(c, y, x)| half[[c, y / 2, x / 2]]);
        (double + input).insert_axis(ArrayAxis(0)).into_dyn()
    }
}

fn planes(input: ArrayD<f32>) -> Array3<f32> {
    input.into_dimensionality::<Ix4>().unwrap().index_axis_move(ArrayAxis(0), 0)
}

fn contracts() -> (Preprocess, ImageOutput) {
    (serde_json::from_str("{}").unwrap(), serde_json::from_str("{}").unwrap())
}

fn run_tensor(
    picture: &Picture,
    tiling: &Tiling,
    spans: (Span, Span),
    mut model: impl FnMut(ArrayD<f32>) -> ArrayD<f32>,
) -> Result<ArrayD<f32>, VisionError> {
    let plan = TilePlan::new(picture, tiling, spans)?;
    plan.run_tensor(picture, &contracts().0, |tile| Ok(model(tile)))
}

#[test]
fn tiles_equal_the_whole_picture() {
    let mut random = Random(0x5eed);
    let network = Network::new(&mut random);
    let tiling = Tiling { overlap: 3, multiple: 1 };
    for _ in 0..60 {
        let (width, height) = (random.within(1..=61), random.within(1..=61));
        let side = random.within(7..=40);
        let picture = random.picture(width, height);
        let run = |span| run_tensor(&picture, &tiling, (span, span), |tile| network.run(tile));
        let (whole, tiled) = (run(Span::Whole).unwrap(), run(Span::AtMost(side)).unwrap());
        assert_eq!(whole.shape(), [1, 3, height, width]);
        assert_eq!(whole, tiled, "{width} x {height} in tiles of {side}");
    }
}

#[test]
fn tiles_keep_to_the_grid_of_a_network_that_halves() {
    let mut random = Random(0xfeed);
    let network = Network::new(&mut random);
    let tiling = Tiling { overlap: 7, multiple: 2 };
    for _ in 0..60 {
        let (width, height) = (random.within(1..=61), random.within(1..=61));
        let side = random.within(18..=41);
        let picture = random.picture(width, height);
        let run =
            |span| run_tensor(&picture, &tiling, (span, span), |tile| network.run_on_halves(tile));
        let (whole, tiled) = (run(Span::Whole).unwrap(), run(Span::AtMost(side)).unwrap());
        assert_eq!(whole, tiled, "{width} x {height} in tiles of {side}");
    }
}

#[test]
fn a_smaller_overlap_than_the_reach_shows() {
    let mut random = Random(7);
    let network = Network::new(&mut random);
    let picture = random.picture(40, 40);
    let run = |overlap, span| {
        let tiling = Tiling { overlap, multiple: 1 };
        run_tensor(&picture, &tiling, (span, span), |tile| network.run(tile)).unwrap()
    };
    assert_ne!(run(2, Span::AtMost(16)), run(2, Span::Whole));
    assert_eq!(run(3, Span::AtMost(16)), run(3, Span::Whole));
}

#[test]
fn a_model_of_a_fixed_size_sees_only_that_size() {
    let mut random = Random(11);
    let network = Network::new(&mut random);
    let tiling = Tiling { overlap: 3, multiple: 4 };
    let spans = (Span::Exactly(23), Span::Exactly(19));
    for (width, height) in [(80, 60), (23, 19), (5, 3), (24, 20), (23, 70)] {
        let picture = random.picture(width, height);
        let result = run_tensor(&picture, &tiling, spans, |tile| {
            assert_eq!(tile.shape(), [1, 3, 19, 23]);
            network.run(tile)
        });
        let result = result.unwrap();
        assert_eq!(result.shape(), [1, 3, height, width]);
        let whole =
            run_tensor(&picture, &tiling, (Span::Whole, Span::Whole), |tile| network.run(tile));
        let whole = whole.unwrap();
        // Where the grid makes the last tile reach beyond the border, only the border differs.
        let (rows, columns) = (height.saturating_sub(3), width.saturating_sub(3));
        let inner = s![.., .., ..rows, ..columns];
        assert_eq!(planes_of(&result).slice(inner), planes_of(&whole).slice(inner));
    }
}

fn planes_of(tensor: &ArrayD<f32>) -> ndarray::ArrayView4<'_, f32> {
    tensor.view().into_dimensionality().unwrap()
}

#[test]
fn all_tiles_have_one_shape_and_none_is_wasted() {
    let tiling = Tiling { overlap: 8, multiple: 4 };
    for length in 1..300 {
        let axis = Axis::new(length, Span::AtMost(63), &tiling).unwrap();
        let expected = length.next_multiple_of(4).min(60);
        assert_eq!(axis.side(), expected, "{length}");
    }
    let picture = Picture::new(100, 60, 1, vec![0; 6000]).unwrap();
    let plan = TilePlan::new(&picture, &tiling, (Span::AtMost(60), Span::AtMost(60))).unwrap();
    assert_eq!(plan.count(), 2);
}

#[test]
fn pictures_equal_tensors() {
    let mut random = Random(13);
    let network = Network::new(&mut random);
    let picture = random.picture(50, 33);
    let (input, output) = contracts();
    let tiling = Tiling { overlap: 3, multiple: 1 };
    let run = |span| {
        let plan = TilePlan::new(&picture, &tiling, (span, span)).unwrap();
        let model = |tile| Ok::<_, VisionError>(network.run(tile));
        plan.run_picture(&picture, (&input, &output), model).unwrap()
    };
    assert_eq!(run(Span::Whole), run(Span::AtMost(20)));
    assert_eq!((run(Span::Whole).width(), run(Span::Whole).height()), (50, 33));
}

#[test]
fn what_cannot_be_tiled_is_an_error() {
    let picture = Picture::new(50, 50, 3, vec![0; 7500]).unwrap();
    let tiling = Tiling { overlap: 9, multiple: 4 };
    for side in [0, 3, 27] {
        let spans = (Span::AtMost(side), Span::Whole);
        let error = TilePlan::new(&picture, &tiling, spans).unwrap_err();
        assert_eq!(error.kind(), VisionErrorKind::TileTooSmall);
        assert!(error.to_string().contains("28"), "{error}");
    }
    let spans = (Span::AtMost(28), Span::AtMost(28));
    let shrink =
        |tile: ArrayD<f32>| planes_of(&tile).slice(s![.., .., ..14, ..]).to_owned().into_dyn();
    let error = run_tensor(&picture, &tiling, spans, shrink).unwrap_err();
    assert_eq!(error.kind(), VisionErrorKind::ShapeMismatch);
    let flat = |_| ArrayD::zeros(ndarray::IxDyn(&[1, 10]));
    let error = run_tensor(&picture, &tiling, spans, flat).unwrap_err();
    assert_eq!(error.kind(), VisionErrorKind::ShapeMismatch);
}

#[test]
fn the_models_own_error_comes_through() {
    #[derive(Debug, PartialEq)]
    struct Mine;
    impl From<VisionError> for Mine {
        fn from(_: VisionError) -> Self {
            unreachable!("the picture is fine")
        }
    }
    let picture = Picture::new(4, 4, 3, vec![0; 48]).unwrap();
    let tiling = Tiling { overlap: 0, multiple: 1 };
    let plan = TilePlan::new(&picture, &tiling, (Span::Whole, Span::Whole)).unwrap();
    assert_eq!(plan.run_tensor(&picture, &contracts().0, |_| Err(Mine)), Err(Mine));
}
