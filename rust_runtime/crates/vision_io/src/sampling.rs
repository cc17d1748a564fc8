//! The nearest pixel by Pillow's and by PyTorch's reckoning, and PyTorch's filters without
//! antialias.

use crate::Picture;

/// PyTorch's and `OpenCV`'s; Pillow's, and PyTorch's with antialias, is -0.5.
const CUBIC: f64 = -0.75;

/// Each pixel is one of the picture: with `antialias` Pillow's choice, without it PyTorch's
/// `nearest`.
pub(crate) fn nearest(picture: &Picture, [width, height]: [usize; 2], antialias: bool) -> Picture {
    let places = if antialias { places_of_centers } else { places_of_edges };
    let rows = places(picture.height(), height);
    let columns = places(picture.width(), width);
    let channels = picture.channels();
    let mut pixels = Vec::with_capacity(width * height * channels);
    for row in rows {
        let row = picture.row(row);
        for &column in &columns {
            pixels.extend_from_slice(&row[column * channels..][..channels]);
        }
    }
    Picture::of(width, height, channels, pixels)
}

/// Pillow adds up the step, and its rounding decides where a centre falls on a border.
fn places_of_centers(own: usize, wanted: usize) -> Vec<usize> {
    let step = own as f64 / wanted as f64;
    let mut center = step * 0.5;
    let mut next = || {
        let place = center as usize;
        center += step;
        place.min(own - 1)
    };
    (0..wanted).map(|_| next()).collect()
}

/// PyTorch reckons in single precision, which shows where the place is a whole number.
fn places_of_edges(own: usize, wanted: usize) -> Vec<usize> {
    let step = own as f32 / wanted as f32;
    (0..wanted).map(|target| ((target as f32 * step) as usize).min(own - 1)).collect()
}

/// PyTorch's `bilinear` without antialias: two by two pixels, rounded once.
pub(crate) fn linear(picture: &Picture, [width, height]: [usize; 2]) -> Picture {
    let weigh = |share: f64| [1.0 - share, share];
    interpolated(
        picture,
        &taps(picture.width(), width, weigh),
        &taps(picture.height(), height, weigh),
    )
}

/// PyTorch's `bicubic` without antialias: four by four pixels, rounded once.
pub(crate) fn cubic(picture: &Picture, [width, height]: [usize; 2]) -> Picture {
    let weigh = |share: f64| [share + 1.0, share, 1.0 - share, 2.0 - share].map(kernel);
    interpolated(
        picture,
        &taps(picture.width(), width, weigh),
        &taps(picture.height(), height, weigh),
    )
}

fn kernel(x: f64) -> f64 {
    if x <= 1.0 {
        ((CUBIC + 2.0) * x - (CUBIC + 3.0)) * x * x + 1.0
    } else {
        ((CUBIC * x - 5.0 * CUBIC) * x + 8.0 * CUBIC) * x - 4.0 * CUBIC
    }
}

/// The `N` pixels around a place, and what each counts.
#[derive(Debug, Clone, Copy)]
struct Taps<const N: usize> {
    places: [usize; N],
    weights: [f64; N],
}

/// `weigh` takes how far the place is from the pixel to its left. Beyond the border the border is
/// repeated.
fn taps<const N: usize>(own: usize, wanted: usize, weigh: fn(f64) -> [f64; N]) -> Vec<Taps<N>> {
    let step = own as f64 / wanted as f64;
    let tap = |target: usize| {
        let center = (target as f64 + 0.5) * step - 0.5;
        let left = center.floor();
        let before = (N / 2 - 1) as f64;
        let place = |tap: usize| (left - before + tap as f64).max(0.0) as usize;
        Taps {
            places: std::array::from_fn(|tap| place(tap).min(own - 1)),
            weights: weigh(center - left),
        }
    };
    (0..wanted).map(tap).collect()
}

fn interpolated<const N: usize>(
    picture: &Picture,
    columns: &[Taps<N>],
    rows: &[Taps<N>],
) -> Picture {
    let length = columns.len() * picture.channels();
    let mut lines = Lines { picture, columns, kept: Vec::new() };
    let mut pixels = Vec::with_capacity(rows.len() * length);
    for row in rows {
        lines.keep(row.places);
        let lines = row.places.map(|place| lines.line(place));
        pixels.extend((0..length).map(|index| {
            let terms = lines.iter().zip(row.weights).map(|(line, weight)| line[index] * weight);
            terms.sum::<f64>().clamp(0.0, 255.0).round_ties_even() as u8
        }));
    }
    Picture::of(columns.len(), rows.len(), picture.channels(), pixels)
}

/// Rows of the picture at the width wanted, each made once and kept while it is needed.
struct Lines<'a, const N: usize> {
    picture: &'a Picture,
    columns: &'a [Taps<N>],
    kept: Vec<(usize, Vec<f64>)>,
}

impl<const N: usize> Lines<'_, N> {
    fn keep(&mut self, wanted: [usize; N]) {
        self.kept.retain(|(place, _)| wanted.contains(place));
        for place in wanted {
            if self.kept.iter().all(|(kept, _)| *kept != place) {
                self.kept.push((place, self.resampled(place)));
            }
        }
    }

    fn line(&self, place: usize) -> &[f64] {
        self.kept.iter().find(|(kept, _)| *kept == place).map_or(&[], |(_, line)| line)
    }

    fn resampled(&self, place: usize) -> Vec<f64> {
        let (source, channels) = (self.picture.row(place), self.picture.channels());
        let mut line = Vec::with_capacity(self.columns.len() * channels);
        for tap in self.columns {
            for channel in 0..channels {
                let value = |place: usize| f64::from(source[place * channels + channel]);
                let terms = tap.places.iter().zip(tap.weights);
                line.push(terms.map(|(&place, weight)| value(place) * weight).sum());
            }
        }
        line
    }
}
