//! What is done with a picture on the threads of the pool.

use std::{sync::Arc, time::Instant};

use runner_core::NamedTensors;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vision_io::{
    OutputFormat, Postprocess, Prediction, Undecoded, VisionError, encode, encode_mask,
};
use vision_model::{Answer, PictureRun, Want};

use super::{
    PictureReply, PictureRequest, PictureResult, PictureTiming, Wanted, spans::Spans, units_of,
};
use crate::{ErrorKind, InferReply, ServerError, Timing, model::Version, tensor_bytes};

/// Outputs of so many bytes are looked at where they come, when that is quick: another thread would
/// take longer to wake.
const READ_AT_ONCE: usize = 64 << 10;

/// Bounds of one picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) pixels: u64,
    /// Bytes for decoding, over all pictures together.
    pub(super) decode_memory: u64,
    /// Bytes of one input.
    pub(super) input_memory: usize,
    pub(super) tiles_at_once: usize,
}

/// A picture on its way through a model.
#[derive(Debug)]
pub(super) struct Under {
    run: PictureRun,
    outputs: Option<Vec<String>>,
    sides: [usize; 2],
    timing: PictureTiming,
    waiting: Spans,
    running: Spans,
    /// Held as long as the decoded picture is.
    memory: Option<OwnedSemaphorePermit>,
}

/// How a picture has begun.
pub(super) enum Begun {
    /// With the inputs of its first runs.
    Ready(Box<Under>, Vec<NamedTensors>),
    /// It needs so many units of memory, which are not there now.
    Wants(u32),
}

/// What comes after a run.
pub(super) enum Step {
    /// Further runs, of these inputs.
    More(Box<Under>, Vec<NamedTensors>),
    Done(Box<PictureReply>),
}

/// Reads the header, then decodes and preprocesses where there is memory for it.
pub(super) fn begin<B: AsRef<[u8]>>(
    version: &Version,
    request: &PictureRequest<B>,
    rules: &Rules,
    (memory, permit): (&Arc<Semaphore>, Option<OwnedSemaphorePermit>),
) -> Result<Begun, ServerError> {
    let start = Instant::now();
    let picture = Undecoded::open(request.file.as_ref(), rules.pixels)?;
    let units = wanted_units(&picture, rules)?;
    let granted = permit.or_else(|| Arc::clone(memory).try_acquire_many_owned(units).ok());
    let Some(memory) = granted else { return Ok(Begun::Wants(units)) };
    let picture = picture.decode()?;
    let decoded = Instant::now();
    let sides = [picture.width(), picture.height()];
    let want = want(request.wanted, version);
    let model = (version.info(), version.contract());
    let mut run = PictureRun::new(model, picture, want, None)?;
    check_input(&run, rules)?;
    let mut inputs = Vec::new();
    while inputs.len() < rules.tiles_at_once
        && let Some(input) = run.next_input()?
    {
        inputs.push(input);
    }
    let timing = PictureTiming {
        decode: decoded - start,
        preprocess: decoded.elapsed(),
        ..PictureTiming::default()
    };
    // A picture that goes through at once has become an input, which the queue counts.
    let memory = (run.runs() > 1).then_some(memory);
    let outputs = request.outputs.clone().filter(|_| want == Want::Tensors && run.runs() == 1);
    let (waiting, running) = (Spans::default(), Spans::default());
    let under = Under { run, outputs, sides, timing, waiting, running, memory };
    Ok(Begun::Ready(Box::new(under), inputs))
}

fn wanted_units(picture: &Undecoded<'_>, rules: &Rules) -> Result<u32, ServerError> {
    let (width, height) = picture.sides();
    if picture.memory() <= rules.decode_memory {
        return Ok(units_of(picture.memory()).min(units_of(rules.decode_memory)));
    }
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(ServerError::new(
        ErrorKind::TooLarge,
        format!(
            "decoding the picture of {width} x {height} pixels takes {} MiB, {} are allowed",
            mebibytes(picture.memory()),
            mebibytes(rules.decode_memory)
        ),
    ))
}

fn check_input(run: &PictureRun, rules: &Rules) -> Result<(), ServerError> {
    if run.input_bytes() <= rules.input_memory {
        return Ok(());
    }
    let message = format!(
        "the picture becomes an input of {} MiB, {} are allowed",
        run.input_bytes() >> 20,
        rules.input_memory >> 20
    );
    Err(ServerError::new(ErrorKind::TooLarge, message))
}

fn want(wanted: Wanted, version: &Version) -> Want {
    match (wanted, &version.contract().postprocess) {
        (Wanted::Meaning, Some(output)) if !matches!(output, Postprocess::Raw(_)) => {
            Want::Prediction
        }
        _ => Want::Tensors,
    }
}

impl Under {
    /// Whether next to nothing is left to do with the outputs of a run.
    pub(super) fn is_quick(&self, outputs: &NamedTensors) -> bool {
        self.run.ends_quickly() && tensor_bytes(outputs) <= READ_AT_ONCE
    }

    /// The outputs that a run of the model is asked for.
    pub(super) fn outputs_of_a_run(&self) -> Option<Vec<String>> {
        self.outputs.clone()
    }

    /// Takes the outputs of a run that was queued then; `last` tells that no other is under way.
    pub(super) fn step(
        mut self: Box<Self>,
        (queued, reply): (Instant, InferReply),
        last: bool,
        encode: bool,
    ) -> Result<Step, ServerError> {
        let Timing { queue, compute, batch_size } = reply.timing;
        self.waiting.add(queued, queue);
        self.running.add(queued + queue, compute);
        self.timing.batch_size = self.timing.batch_size.max(batch_size);
        let start = Instant::now();
        self.run.accept(reply.outputs)?;
        self.timing.postprocess += start.elapsed();
        let start = Instant::now();
        let next: Vec<NamedTensors> = self.run.next_input()?.into_iter().collect();
        self.timing.preprocess += start.elapsed();
        if next.is_empty() && last {
            return self.finish(encode).map(|reply| Step::Done(Box::new(reply)));
        }
        Ok(Step::More(self, next))
    }

    fn finish(self, encode: bool) -> Result<PictureReply, ServerError> {
        let Self { run, sides, mut timing, waiting, running, memory, .. } = self;
        (timing.queue, timing.infer) = (waiting.covered(), running.covered());
        let (answer, way) = run.finish()?;
        drop(memory);
        let start = Instant::now();
        let result = match answer {
            Answer::Prediction(prediction) => {
                let png = if encode { png_of(&prediction)? } else { None };
                PictureResult::Meaning { prediction, png }
            }
            Answer::Tensors(tensors, _) => PictureResult::Tensors(tensors),
        };
        timing.encode = start.elapsed();
        Ok(PictureReply { result, sides, way, timing })
    }
}

fn png_of(prediction: &Prediction) -> Result<Option<Vec<u8>>, VisionError> {
    match prediction {
        Prediction::Image(picture) => encode(picture, OutputFormat::Png).map(Some),
        Prediction::Segmentation(mask) => encode_mask(mask).map(Some),
        Prediction::Classification(_) | Prediction::Detection(_) => Ok(None),
    }
}
