use std::time::Instant;

use super::PictureTiming;
use crate::{batch::Spent, model::Version};

/// A request of pictures that has no answer yet. Its runs are not counted as requests; it is, once:
/// as failed where it is dropped.
pub(super) struct Unanswered<'a> {
    version: &'a Version,
    received: Instant,
    failed: bool,
}

impl<'a> Unanswered<'a> {
    pub(super) fn new(version: &'a Version, received: Instant) -> Self {
        Self { version, received, failed: true }
    }

    pub(super) fn answered(mut self, timing: &PictureTiming) {
        self.failed = false;
        let spent = Spent {
            queue: timing.queue,
            input: timing.decode + timing.preprocess,
            compute: timing.infer,
            output: timing.postprocess + timing.encode,
        };
        self.version.answered(&spent, self.received.elapsed());
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if self.failed {
            self.version.failed(self.received.elapsed());
        }
    }
}
