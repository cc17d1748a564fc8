//! Two clocks: what a caller waits, and what the processor works.

use std::{
    hint::spin_loop,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// Which time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// From call to return.
    Wall,
    /// The processor's time of the whole process: other programs do not add to it.
    Processor,
}

/// Nanoseconds of some calls in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Each call from start to end.
    pub each: Vec<u64>,
    /// The processor's time of all together; none where the system does not tell.
    pub processor: Option<u64>,
}

/// What a caller does between two runs. Without it a caller that is some microseconds faster would
/// keep an engine's own thread awake that falls asleep under another, and pay no wake-up.
const PAUSE: Duration = Duration::from_micros(100);

/// Times `count` calls one by one, with a pause before each that does not count.
///
/// # Errors
/// Those of the call.
pub fn time_each(
    count: usize,
    mut call: impl FnMut() -> Result<(), String>,
) -> Result<Times, String> {
    let mut each = Vec::with_capacity(count);
    let mut processor = Some(0);
    for _ in 0..count {
        pause();
        let before = processor_time();
        let start = Instant::now();
        call()?;
        each.push(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let worked =
            processor_time().zip(before).map(|(after, before)| after.saturating_sub(before));
        processor = processor.zip(worked).map(|(all, one)| all + one);
    }
    Ok(Times { each, processor })
}

fn pause() {
    let start = Instant::now();
    while start.elapsed() < PAUSE {
        spin_loop();
    }
}

/// Nanoseconds that all threads of this process have worked.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn processor_time() -> Option<u64> {
    #[repr(C)]
    struct Timespec {
        seconds: i64,
        nanoseconds: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
    }
    const PROCESS: i32 = 2;
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the C library's function writes one timespec, which has this layout on 64 bits.
    let told = unsafe { clock_gettime(PROCESS, &raw mut time) } == 0;
    let seconds = u64::try_from(time.seconds).ok().filter(|_| told)?;
    Some(seconds * 1_000_000_000 + u64::try_from(time.nanoseconds).ok()?)
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn processor_time() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, thread::sleep, time::Duration};

    use super::*;

    #[test]
    fn a_failing_call_ends_the_window() {
        let mut left = 3;
        let call = || {
            left -= 1;
            if left == 0 { Err("the third fails".to_owned()) } else { Ok(()) }
        };
        assert_eq!(time_each(5, call).unwrap_err(), "the third fails");
    }

    #[test]
    fn the_pause_does_not_count() {
        let times = time_each(20, || Ok(())).unwrap();
        let pause = PAUSE.as_nanos() as u64;
        assert!(times.each.iter().filter(|&&time| time < pause / 2).count() > 10, "{times:?}");
        assert!(times.processor.is_none_or(|worked| worked < 10 * pause), "{times:?}");
    }

    #[test]
    fn every_call_is_timed() {
        let times = time_each(3, || {
            sleep(Duration::from_millis(2));
            Ok(())
        });
        let times = times.unwrap();
        assert_eq!(times.each.len(), 3);
        assert!(times.each.iter().all(|&time| time >= 2_000_000), "{times:?}");
    }

    #[test]
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    fn work_counts_on_the_processors_clock() {
        let times = time_each(1, || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(20) {
                black_box(start);
            }
            Ok(())
        });
        assert!(times.unwrap().processor.unwrap() > 1_000_000);
    }
}
