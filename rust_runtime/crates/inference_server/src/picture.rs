//! Encoded pictures to what a model makes of them.
//!
//! Decoding, preprocessing and postprocessing run on the threads of a pool, of which there are as
//! many as processors. While the model runs none is held: its runs wait in the model's queue and
//! share batches with all other requests. Of each model so many are decoded as keep its engines
//! busy; the others wait as files, and what is begun comes before what is not.

mod errors;
mod work;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use runner_core::NamedTensors;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vision_io::Prediction;
use vision_model::Way;

use self::work::{Begun, Rules, Step, Under};
use crate::{
    ErrorKind, InferRequest, Limits, Priority, QueueLimits, ServerError,
    batch::{self, Pending},
    clock::Clock,
    gate::{Entrance, Pass},
    metrics::Phase,
    model::Version,
    pool::{Pool, Turn},
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

/// What is wanted of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What the outputs mean by the model's contract, or the outputs where it says nothing.
    Meaning,
    /// The outputs.
    Tensors,
}

/// A picture and what is wanted of it.
#[derive(Debug, Clone)]
pub struct PictureRequest<B> {
    /// A PNG, JPEG, WebP or BMP file.
    pub file: B,
    /// What is wanted.
    pub wanted: Wanted,
    /// Names of the outputs, where tensors are wanted; `None` for all.
    pub outputs: Option<Vec<String>>,
    /// Whether a mask or a picture is also given as a PNG file.
    pub encode: bool,
    /// Who comes first among those that wait.
    pub priority: Priority,
    /// When it came.
    pub received: Instant,
    /// After this nobody waits for the answer any more.
    pub deadline: Option<Instant>,
}

impl<B> PictureRequest<B> {
    /// A request for what a picture means, with masks and pictures as PNG, received now.
    pub fn new(file: B) -> Self {
        Self {
            file,
            wanted: Wanted::Meaning,
            outputs: None,
            encode: true,
            priority: Priority::default(),
            received: Instant::now(),
            deadline: None,
        }
    }
}

/// What a model made of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureReply {
    /// The result.
    pub result: PictureResult,
    /// Width and height of the picture, turned as it is to be seen.
    pub sides: [usize; 2],
    /// How it went through the model.
    pub way: Way,
    /// Where the time went.
    pub timing: PictureTiming,
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub enum PictureResult {
    /// What the outputs mean.
    Meaning {
        /// By the model's contract.
        prediction: Prediction,
        /// A mask or a picture as a PNG file, where that was asked for.
        png: Option<Vec<u8>>,
    },
    /// The outputs.
    Tensors(NamedTensors),
}

/// Where the time of one picture went; times of several runs are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct PictureTiming {
    pub decode: Duration,
    pub preprocess: Duration,
    pub queue: Duration,
    pub infer: Duration,
    pub postprocess: Duration,
    pub encode: Duration,
    /// Length of the largest batch that it was part of.
    pub batch_size: usize,
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
        let named = |error: ServerError| match error.model() {
            Some(_) => error,
            None => error.with_model(version.name()),
        };
        self.taken_through(version, request).await.map_err(named)
    }

    /// Takes several pictures through a model at once; gives the outputs one after the other along
    /// axis 0, with the time of the one that took longest.
    ///
    /// # Errors
    /// As [`Self::predict`], of the first that fails; [`ErrorKind::BadInput`] when the outputs of
    /// different pictures do not fit together.
    pub async fn infer_all<B>(
        &self,
        version: &Arc<Version>,
        requests: Vec<PictureRequest<B>>,
    ) -> Result<(NamedTensors, PictureTiming), ServerError>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let tensors = |request| PictureRequest { wanted: Wanted::Tensors, ..request };
        let runs = requests.into_iter().map(|request| self.predict(version, tensors(request)));
        let replies = all(runs).await?;
        let longest = replies
            .iter()
            .map(|reply| reply.timing)
            .max_by_key(|timing| timing.decode + timing.queue + timing.infer);
        let outputs = replies.into_iter().filter_map(|reply| match reply.result {
            PictureResult::Tensors(tensors) => Some(tensors),
            PictureResult::Meaning { .. } => None,
        });
        let joined = joined(outputs.collect()).ok_or_else(|| {
            let message = "the outputs of pictures of different sizes do not fit together; send \
                           them one by one";
            ServerError::bad_input(message).with_model(version.name())
        })?;
        Ok((joined, longest.unwrap_or_default()))
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
        let mut pending: VecDeque<Pending> = VecDeque::new();
        loop {
            for inputs in inputs.drain(..) {
                let outputs = under.outputs_of_a_run();
                let deadline = Some(deadline);
                let run = InferRequest { id: None, inputs, outputs, priority, received, deadline };
                pending.push_back(version.infer(run)?);
            }
            let Some(first) = pending.pop_front() else {
                return Err(ServerError::fault("a picture has no run of the model"));
            };
            let reply = first.await?;
            let last = pending.is_empty();
            let step = move || under.step(reply, last, encode);
            match self.pool.run(Turn::GoOn, deadline, step).await? {
                Step::More(more, next) => (under, inputs) = (more, next),
                Step::Done(reply) => {
                    let metrics = version.metrics();
                    metrics.took(Phase::Postprocess, reply.timing.postprocess);
                    metrics.took(Phase::Encode, reply.timing.encode);
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

/// The outputs of several runs, one after the other; `None` where they do not fit together.
fn joined(mut all: Vec<NamedTensors>) -> Option<NamedTensors> {
    if all.len() == 1 {
        return all.pop();
    }
    let first = all.first()?;
    let join = |(index, (name, _)): (usize, &(String, runner_core::Tensor))| {
        let fits = all.iter().all(|one| one.get(index).is_some_and(|(own, _)| own == name));
        let of_each = all.iter().filter_map(|one| one.get(index)).map(|(_, tensor)| tensor);
        fits.then(|| batch::concatenate(of_each)).flatten().map(|tensor| (name.clone(), tensor))
    };
    first.iter().enumerate().map(join).collect()
}
