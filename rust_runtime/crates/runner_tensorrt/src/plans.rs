use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use runner_core::{LoadError, Tensor, TensorSpec};

use crate::{engine::Blueprint, infer::Given, shapes::Profile};

/// Engines whose place is remembered; on disk there may be more.
const REMEMBERED: usize = 64;

type Shapes = Vec<(String, Vec<usize>)>;
/// An engine that is built by the first who needs it while the others wait for it.
type Slot = Arc<Mutex<Option<PathBuf>>>;

/// The engines of one model: a single one, or one for each combination of input shapes.
pub(crate) struct Plans {
    pub(crate) blueprint: Blueprint,
    profile: Option<Profile>,
    open: Vec<bool>,
    slots: Mutex<Vec<(Shapes, Slot)>>,
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plans").field("model", &self.blueprint.model).finish_non_exhaustive()
    }
}

impl Plans {
    /// `profile` is that of the only engine, where there is to be one; `open` tells for each input
    /// whether the file leaves axes open.
    pub(crate) fn new(blueprint: Blueprint, profile: Option<Profile>, open: Vec<bool>) -> Self {
        Self { blueprint, profile, open, slots: Mutex::default() }
    }

    pub(crate) fn given<'a>(
        &self,
        specs: &'a [TensorSpec],
        tensors: &'a [Tensor],
    ) -> Vec<Given<'a>> {
        let inputs = specs.iter().zip(tensors).zip(&self.open);
        inputs.map(|((spec, tensor), &open)| Given { name: &spec.name, tensor, open }).collect()
    }

    /// The only engine, where there is to be one.
    pub(crate) fn now(&self) -> Result<Option<PathBuf>, LoadError> {
        let build = |profile| self.in_slot(Shapes::new(), profile);
        self.profile.as_ref().map(build).transpose()
    }

    /// The first input whose shape the only engine was not built for, and why.
    pub(crate) fn outside<'a>(&self, inputs: &[Given<'a>]) -> Option<(&'a str, String)> {
        let profile = self.profile.as_ref()?;
        inputs.iter().find_map(|input| {
            Some((input.name, profile.outside(input.name, input.tensor.shape())?))
        })
    }

    /// The engine for these inputs.
    pub(crate) fn engine(&self, inputs: &[Given<'_>]) -> Result<PathBuf, LoadError> {
        if let Some(engine) = self.now()? {
            return Ok(engine);
        }
        let open = inputs.iter().filter(|input| input.open);
        let shapes: Shapes =
            open.map(|input| (input.name.to_owned(), input.tensor.shape().to_vec())).collect();
        self.in_slot(shapes.clone(), &Profile::fixed(shapes))
    }

    fn in_slot(&self, shapes: Shapes, profile: &Profile) -> Result<PathBuf, LoadError> {
        let slot = self.slot(shapes);
        let mut engine = lock(&slot);
        // The user may empty the cache at any time.
        if let Some(engine) = engine.as_ref().filter(|engine| engine.exists()) {
            return Ok(engine.clone());
        }
        let built = self.blueprint.engine(profile)?;
        *engine = Some(built.clone());
        Ok(built)
    }

    fn slot(&self, shapes: Shapes) -> Slot {
        let mut slots = lock(&self.slots);
        let found = slots.iter().position(|(known, _)| *known == shapes);
        let entry = match found {
            Some(index) => slots.remove(index),
            None => (shapes, Slot::default()),
        };
        let slot = Arc::clone(&entry.1);
        slots.push(entry);
        if slots.len() > REMEMBERED {
            slots.remove(0);
        }
        slot
    }
}

/// A panic elsewhere leaves at worst a slot without an engine, which the next run builds.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
