use std::{f64::consts::PI, ops::Range};

use super::sums::ONE;
use crate::Filter;

/// What a pixel counts by its distance, up to `support`.
pub(super) struct Kernel {
    support: f64,
    weight: fn(f64) -> f64,
}

impl Kernel {
    pub(super) fn of(filter: Filter) -> Self {
        let (support, weight): (f64, fn(f64) -> f64) = match filter {
            Filter::Nearest | Filter::Box => (0.5, |x| f64::from(x > -0.5 && x <= 0.5)),
            Filter::Bilinear => (1.0, |x| (1.0 - x.abs()).max(0.0)),
            Filter::Hamming => (1.0, |x| within(x, 1.0, sinc(x) * (0.54 + 0.46 * (PI * x).cos()))),
            Filter::Bicubic => (2.0, cubic),
            Filter::Lanczos => (3.0, |x| within(x, 3.0, sinc(x) * sinc(x / 3.0))),
        };
        Self { support, weight }
    }

    /// For the target pixels in `wanted`, where a side of `own` pixels becomes one of `length`.
    pub(super) fn taps(
        &self,
        [own, length]: [usize; 2],
        wanted: &Range<usize>,
        widen: bool,
    ) -> Taps {
        let step = own as f64 / length as f64;
        let widening = if widen { step.max(1.0) } else { 1.0 };
        let (support, shrink) = (self.support * widening, 1.0 / widening);
        let mut taps = Taps { spans: Vec::with_capacity(wanted.len()), weights: Vec::new() };
        for target in wanted.clone() {
            let center = (target as f64 + 0.5) * step;
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(own);
            let weight = |place: usize| (self.weight)((place as f64 - center + 0.5) * shrink);
            taps.push(first.min(own - 1), (first..end).map(weight).collect());
        }
        taps
    }
}

fn within(x: f64, support: f64, weight: f64) -> f64 {
    if x.abs() < support { weight } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn cubic(x: f64) -> f64 {
    let x = x.abs();
    match x {
        ..1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        1.0..2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}

/// For each target pixel along one axis the pixels that it is made of, and what each counts.
pub(super) struct Taps {
    spans: Vec<Range<usize>>,
    /// Those of all spans, one after another.
    weights: Vec<i32>,
}

impl Taps {
    /// Adds a target pixel. Where no pixel counts, `first` does.
    fn push(&mut self, first: usize, weights: Vec<f64>) {
        let sum: f64 = weights.iter().sum();
        let whole = |weight: f64| (weight / sum * f64::from(ONE)).round() as i32;
        let weights: Vec<i32> = weights.into_iter().map(whole).collect();
        let counts = |weight: &i32| *weight != 0;
        let Some(start) = weights.iter().position(counts) else {
            self.spans.push(first..first + 1);
            self.weights.push(ONE);
            return;
        };
        let end = weights.iter().rposition(counts).map_or(start, |last| last + 1);
        self.spans.push(first + start..first + end);
        self.weights.extend(&weights[start..end]);
    }

    /// All pixels that count.
    pub(super) fn taken(&self) -> Range<usize> {
        let starts = self.spans.iter().map(|span| span.start);
        let ends = self.spans.iter().map(|span| span.end);
        starts.min().unwrap_or(0)..ends.max().unwrap_or(0)
    }

    /// The number of target pixels.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The pixels that each target pixel is made of, and their weights.
    #[inline]
    pub(super) fn each(&self) -> impl Iterator<Item = (Range<usize>, &[i32])> {
        let mut weights = self.weights.as_slice();
        self.spans.iter().map(move |span| {
            let (own, rest) = weights.split_at(span.len());
            weights = rest;
            (span.clone(), own)
        })
    }
}
