//! Encoded pictures to what a model makes of them.
//!
//! Decoding, preprocessing and postprocessing run on the threads of a pool, of which there are as
//! many as processors. While the model runs none is held: its runs wait in the model's queue and
//! share batches with all other requests. Of each model so many are decoded as keep its engines
//! busy; the others wait as files, and what is begun comes before what is not.

mod errors;
mod reply;
mod request;
mod spans;
mod unanswered;
mod work;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use runner_core::NamedTensors;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::{
    reply::{PictureReply, PictureResult, PictureTiming},
    request::{PictureRequest, Wanted},
};
use self::{
    unanswered::Unanswered,
    work::{Begun, Rules, Step, Under},
};
use crate::{
    ErrorKind, InferRequest, Limits, Priority, QueueLimits, ServerError,
    batch::Pending,
    clock::Clock,
    gate::{Entrance, Pass},
    model::Version,
    pool::{self, Pool, Turn},
    timely::{all, timely},
};

/// A unit of the memory for decoding.
const UNIT: u64 = 1 << 10;
/// Tiles of one picture that are under way at once.
const TILES_AT_ONCE: usize = 8;

/// Takes pictures through models.
#[derive(Debug)]
pub struct Pictures {
    pool: Pool,
    memory: Arc<Semaphore>,
    rules: Rules,
    queue: QueueLimits,
    decode_deadline: Duration,
    clock: Arc<Clock>,
}

impl Pictures {
    /// Starts so many threads for pictures.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(threads: usize, limits: &Limits, clock: &Arc<Clock>) -> std::io::Result<Self> {
        let units = units_of(limits.pictures.decode_memory as u64);
        Ok(Self {
            pool: Pool::start(threads, clock)?,
            memory: Arc::new(Semaphore::new(units as usize)),
            rules: Rules {
                pixels: limits.pictures.pixels as u64,
                decode_memory: limits.pictures.decode_memory as u64,
                input_memory: limits.request.memory,
                tiles_at_once: TILES_AT_ONCE,
            },
            queue: limits.queue.clone(),
            decode_deadline: limits.pictures.decode_deadline,
            clock: Arc::clone(clock),
        })
    }

    /// Takes a picture through a model. Dropping the future takes back all that is not yet begun.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedMedia`] for what is no picture that is read,
    /// [`ErrorKind::TooLarge`], [`ErrorKind::BadInput`] for a damaged one or for a model that takes
    /// none, and what [`Version::infer`] and its runs give.
    pub async fn predict<B>(
        &self,
        version: &Arc<Version>,
        request: PictureRequest<B>,
    ) -> Result<PictureReply, ServerError>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let unanswered = Unanswered::new(version, request.received);
        let reply = self.named(version, request).await?;
        unanswered.answered(&reply.timing);
        Ok(reply)
    }

    /// Takes the pictures of one request through a model at once; gives what became of each, and
    /// the time of the one that took longest.
    ///
    /// # Errors
    /// As [`Self::predict`], of the first that fails.
    pub async fn predict_all<B>(
        &self,
        version: &Arc<Version>,
        requests: Vec<PictureRequest<B>>,
    ) -> Result<(Vec<PictureReply>, PictureTiming), ServerError>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let unanswered = Unanswered::new(version, first_received(&requests));
        let runs = self.runs(version, requests);
        let replies = all(runs).await?;
        let timing = reply::longest(&replies);
        unanswered.answered(&timing);
        Ok((replies, timing))
    }

    /// [`Self::predict_all`] for the outputs, which are given one after the other along axis 0.
    ///
    /// # Errors
    /// As [`Self::predict_all`]; [`ErrorKind::BadInput`] when the outputs of different pictures do
    /// not fit together.
    pub async fn infer_all<B>(
        &self,
        version: &Arc<Version>,
        requests: Vec<PictureRequest<B>>,
    ) -> Result<(NamedTensors, PictureTiming), ServerError>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let unanswered = Unanswered::new(version, first_received(&requests));
        let tensors = |request| PictureRequest { wanted: Wanted::Tensors, ..request };
        let runs = self.runs(version, requests.into_iter().map(tensors).collect());
        let replies = all(runs).await?;
        let timing = reply::longest(&replies);
        let joined = reply::joined(replies).ok_or_else(|| {
            let message = "the outputs of pictures of different sizes do not fit together; send \
                           them one by one";
            ServerError::bad_input(message).with_model(version.name())
        })?;
        unanswered.answered(&timing);
        Ok((joined, timing))
    }

    /// [`Self::named`] for each, with its place in every error where there are several.
    fn runs<B>(
        &self,
        version: &Arc<Version>,
        requests: Vec<PictureRequest<B>>,
    ) -> impl Iterator<Item = impl Future<Output = Result<PictureReply, ServerError>>>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let count = requests.len();
        requests.into_iter().zip(1..).map(move |(request, place)| async move {
            let reply = self.named(version, request).await;
            reply.map_err(|error| if count > 1 { error.of_picture(place, count) } else { error })
        })
    }

    /// [`Self::taken_through`] with the model's name in every error.
    async fn named<B>(
        &self,
        version: &Arc<Version>,
        request: PictureRequest<B>,
    ) -> Result<PictureReply, ServerError>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let with_name = |error: ServerError| match error.model() {
            Some(_) => error,
            None => error.with_model(version.name()),
        };
        self.taken_through(version, request).await.map_err(with_name)
    }

    async fn taken_through<B>(
        &self,
        version: &Arc<Version>,
        request: PictureRequest<B>,
    ) -> Result<PictureReply, ServerError>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let latest = request.received + self.queue.longest_deadline;
        let deadline = request.deadline.unwrap_or(request.received + self.queue.deadline);
        let deadline = deadline.min(latest);
        let PictureRequest { priority, received, encode, .. } = request;
        let _pass = self.let_in(version, priority, deadline).await?;
        let (mut under, mut inputs) = self.begun(version, request, deadline).await?;
        let mut pending: VecDeque<(Instant, Pending)> = VecDeque::new();
        loop {
            for inputs in inputs.drain(..) {
                let outputs = under.outputs_of_a_run();
                let deadline = Some(deadline);
                let run = InferRequest { id: None, inputs, outputs, priority, received, deadline };
                pending.push_back((Instant::now(), version.infer_part(run)?));
            }
            let Some((queued, first)) = pending.pop_front() else {
                return Err(ServerError::fault("a picture has no run of the model"));
            };
            let reply = first.await?;
            let last = pending.is_empty();
            let quick = last && under.is_quick(&reply.outputs);
            let step = move || under.step((queued, reply), last, encode);
            let step = if quick {
                pool::guarded(step)?
            } else {
                self.pool.run(Turn::GoOn, deadline, step).await?
            };
            match step {
                Step::More(more, next) => (under, inputs) = (more, next),
                Step::Done(reply) => {
                    reply.timing.note(version.metrics());
                    return Ok(*reply);
                }
            }
        }
    }

    async fn let_in(
        &self,
        version: &Version,
        priority: Priority,
        deadline: Instant,
    ) -> Result<Pass, ServerError> {
        match version.enter(priority)? {
            Entrance::Open(pass) => Ok(pass),
            Entrance::Waiting(place) => {
                let let_in = timely(place, self.clock.at(deadline)).await?;
                let_in.map_err(|_| ServerError::fault("a picture was not let in"))
            }
        }
    }

    /// Decodes, once there is memory for it, and gives the first inputs.
    async fn begun<B>(
        &self,
        version: &Arc<Version>,
        request: PictureRequest<B>,
        deadline: Instant,
    ) -> Result<(Box<Under>, Vec<NamedTensors>), ServerError>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let deadline = deadline.min(Instant::now() + self.decode_deadline);
        let request = Arc::new(request);
        let mut permit = None;
        loop {
            let (version, request) = (Arc::clone(version), Arc::clone(&request));
            let (memory, rules) = (Arc::clone(&self.memory), self.rules);
            let begin = move || work::begin(&version, &request, &rules, (&memory, permit));
            match self.pool.run(Turn::Begin, deadline, begin).await? {
                Begun::Ready(under, inputs) => return Ok((under, inputs)),
                Begun::Wants(units) => permit = Some(self.memory_of(units, deadline).await?),
            }
        }
    }

    async fn memory_of(
        &self,
        units: u32,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, ServerError> {
        let granted = Arc::clone(&self.memory).acquire_many_owned(units);
        let granted = timely(granted, self.clock.at(deadline)).await?;
        granted.map_err(|_| ServerError::new(ErrorKind::Unavailable, "the server is ending"))
    }
}

/// Units of memory, rounded up.
fn units_of(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// When a request of these pictures came.
fn first_received<B>(requests: &[PictureRequest<B>]) -> Instant {
    requests.iter().map(|request| request.received).min().unwrap_or_else(Instant::now)
}
