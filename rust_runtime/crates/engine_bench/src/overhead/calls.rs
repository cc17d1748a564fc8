//! One side of a comparison: something that can be called again and again and timed.

use super::{clock::Times, interval::median};

const NANOSECONDS_OF_A_WINDOW: f64 = 2e6;
const FEWEST_CALLS: usize = 3;
const MOST_CALLS: usize = 64;
const MOST_WARM_UPS: usize = 30;
const STEADY: f64 = 0.05;

/// Something that is called and timed.
pub trait Side {
    /// The nanoseconds of `count` calls, one after the other.
    ///
    /// # Errors
    /// The engine's reason, with the name of the model.
    fn time(&mut self, count: usize) -> Result<Times, String>;
}

/// Nanoseconds of a call within one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// The median from start to end.
    pub wall: f64,
    /// The mean from start to end.
    pub mean: f64,
    /// The mean on the processor's clock, where the system tells it.
    pub processor: Option<f64>,
}

/// A window of `count` calls; one more goes before them, because the other side has just had the
/// caches.
///
/// # Errors
/// Those of the side.
pub fn window(side: &mut dyn Side, count: usize) -> Result<Window, String> {
    side.time(1)?;
    let times = side.time(count)?;
    if times.each.len() != count {
        return Err(format!("{} times came back of {count} calls", times.each.len()));
    }
    let each: Vec<f64> = times.each.iter().map(|&time| time as f64).collect();
    Ok(Window {
        wall: median(&each),
        mean: each.iter().sum::<f64>() / count as f64,
        processor: times.processor.map(|total| total as f64 / count as f64),
    })
}

/// Runs until two windows in a row agree, and gives the nanoseconds of a call.
///
/// # Errors
/// Those of the side.
pub fn warm_up(side: &mut dyn Side) -> Result<f64, String> {
    let mut last = window(side, FEWEST_CALLS)?.wall;
    for _ in 0..MOST_WARM_UPS {
        let next = window(side, calls_for(last))?.wall;
        let steady = (next - last).abs() <= STEADY * last;
        last = next;
        if steady {
            break;
        }
    }
    Ok(last)
}

/// How many calls of this many nanoseconds make a window.
pub fn calls_for(nanoseconds: f64) -> usize {
    let calls = (NANOSECONDS_OF_A_WINDOW / nanoseconds.max(1.0)) as usize;
    calls.clamp(FEWEST_CALLS, MOST_CALLS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each call is a tenth shorter than the one before, down to 100 ns.
    struct Settling {
        next: f64,
        calls: usize,
    }

    impl Side for Settling {
        fn time(&mut self, count: usize) -> Result<Times, String> {
            self.calls += count;
            let mut call = || {
                self.next = (self.next * 0.9).max(100.0);
                self.next as u64
            };
            Ok(Times { each: (0..count).map(|_| call()).collect(), processor: None })
        }
    }

    #[test]
    fn warm_up_goes_on_until_calls_are_steady() {
        let mut side = Settling { next: 1e6, calls: 0 };
        let steady = warm_up(&mut side).unwrap();
        assert!((steady - 100.0).abs() <= 10.0, "{steady} after {} calls", side.calls);
    }

    #[test]
    fn windows_are_neither_too_short_nor_too_long() {
        assert_eq!(calls_for(10e6), FEWEST_CALLS);
        assert_eq!(calls_for(100e3), 20);
        assert_eq!(calls_for(0.0), MOST_CALLS);
    }

    #[test]
    fn the_call_before_a_window_does_not_count() {
        struct Cold {
            calls: u64,
        }
        impl Side for Cold {
            fn time(&mut self, count: usize) -> Result<Times, String> {
                let mut call = || {
                    self.calls += 1;
                    if self.calls == 1 { 1_000_000 } else { 10 * self.calls }
                };
                let each: Vec<u64> = (0..count).map(|_| call()).collect();
                Ok(Times { processor: Some(each.iter().sum::<u64>() / 2), each })
            }
        }
        // The calls that count take 20 and 30 ns.
        let mut cold = Cold { calls: 0 };
        let found = window(&mut cold, 2).unwrap();
        assert_eq!(found, Window { wall: 25.0, mean: 25.0, processor: Some(12.5) });
    }

    #[test]
    fn a_side_that_loses_a_call_is_an_error() {
        struct Lossy;
        impl Side for Lossy {
            fn time(&mut self, _: usize) -> Result<Times, String> {
                Ok(Times { each: vec![5], processor: None })
            }
        }
        assert!(window(&mut Lossy, 3).unwrap_err().contains("1 times came back of 3 calls"));
    }
}
