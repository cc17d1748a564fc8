use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{self, AtomicBool},
    },
    time::Instant,
};

use super::{
    description::Description, failure::LoadFailure, load::Loader, slot::Slot, state::State,
    version::Version,
};
use crate::{
    ErrorKind, QueueLimits, ServerError, clock::Clock, metrics::Metrics,
    protocol::documents::IndexEntry,
};

/// What all models of a server have in common.
pub struct Surroundings {
    /// Loads a model with the engine of a name.
    pub loader: Box<Loader>,
    /// Bounds of each model's queue.
    pub limits: QueueLimits,
    /// Rings deadlines.
    pub clock: Arc<Clock>,
    /// Counts and measures.
    pub metrics: Arc<Metrics>,
}

/// The models of a server, by name and version.
pub struct Repository {
    around: Surroundings,
    /// In the order in which they became known.
    models: RwLock<Vec<(String, Versions)>>,
    draining: AtomicBool,
}

type Versions = BTreeMap<VersionName, Arc<Slot>>;

/// Numbers by their value and before any other word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct VersionName(String);

impl VersionName {
    fn key(&self) -> (bool, u64, &str) {
        let number = self.0.parse::<u64>();
        (number.is_err(), number.unwrap_or_default(), &self.0)
    }
}

impl PartialOrd for VersionName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VersionName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("index", &self.index()).finish_non_exhaustive()
    }
}

impl Repository {
    /// A repository without models.
    pub fn new(around: Surroundings) -> Self {
        Self { around, models: RwLock::default(), draining: AtomicBool::new(false) }
    }

    /// Makes a version known, in place of an older description of it; nothing is loaded yet.
    ///
    /// # Errors
    /// As [`Description::check`].
    pub fn describe(&self, description: Description) -> Result<(), ServerError> {
        description.check()?;
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        let known = models.iter().position(|(name, _)| *name == description.name);
        let place = known.unwrap_or_else(|| {
            models.push((description.name.clone(), Versions::new()));
            models.len() - 1
        });
        let version = VersionName(description.version.clone());
        match models[place].1.get(&version) {
            Some(slot) => slot.describe(description),
            None => {
                models[place].1.insert(version, Arc::new(Slot::new(description)));
            }
        }
        Ok(())
    }

    /// Loads a version, or every version of a model, beside what serves, and puts each in its
    /// place when all went well. It takes as long as loading takes.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a model that is not known, [`ErrorKind::Conflict`] with the
    /// reason when it is not fit; what served before still does.
    pub fn load(&self, name: &str, version: Option<&str>) -> Result<(), ServerError> {
        self.check_open()?;
        let mut failed = None;
        for slot in self.slots(name, version)? {
            failed = failed.or(slot.load(&self.around).err());
        }
        failed.map_or(Ok(()), |failure| Err(failure.error))
    }

    /// Loads everything that is known, one after the other, since each is measured on all
    /// processors; gives what failed.
    pub fn load_all(&self) -> Vec<LoadFailure> {
        let slots = self.all().into_iter().map(|(_, _, slot)| slot);
        slots.filter_map(|slot| slot.load(&self.around).err()).collect()
    }

    /// Takes a version, or every version of a model, out of service: its last requests are
    /// answered, and waited for until `until`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a model that is not known.
    pub fn unload(
        &self,
        name: &str,
        version: Option<&str>,
        until: Instant,
    ) -> Result<(), ServerError> {
        for slot in self.slots(name, version)? {
            slot.unload(until);
        }
        Ok(())
    }

    /// What serves a request: of a model without a version the highest that is ready.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a model or version that is not known,
    /// [`ErrorKind::Unavailable`] with the reason when it does not serve.
    pub fn find(&self, name: &str, version: Option<&str>) -> Result<Arc<Version>, ServerError> {
        let slots = self.slots(name, version)?;
        let serving = slots.iter().rev().find_map(|slot| slot.serving());
        match (serving, slots.last()) {
            (Some(version), _) => Ok(version),
            (None, Some(slot)) => Err(slot.unavailable(name)),
            (None, None) => Err(unknown(name)),
        }
    }

    /// What serves a request that names no model.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] unless exactly one model is known; then as [`Self::find`].
    pub fn find_only(&self) -> Result<Arc<Version>, ServerError> {
        let names = self.names();
        match &names[..] {
            [name] => self.find(name, None),
            [] => Err(ServerError::new(ErrorKind::NotFound, "no model is served")),
            _ => {
                let message = format!("name the model, one of: {}", names.join(", "));
                Err(ServerError::bad_input(message))
            }
        }
    }

    /// The names of the models that are known, in the order in which they became so.
    pub fn names(&self) -> Vec<String> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        models.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The versions of a model that serve, the highest last.
    pub fn versions(&self, name: &str) -> Vec<String> {
        let of_model = self.all().into_iter().filter(|(own, _, _)| own == name);
        let ready = of_model.filter(|(_, _, slot)| slot.status().state == State::Ready);
        ready.map(|(_, version, _)| version).collect()
    }

    /// Everything that serves.
    pub fn serving(&self) -> Vec<Arc<Version>> {
        self.all().into_iter().filter_map(|(_, _, slot)| slot.serving()).collect()
    }

    /// Where every version stands.
    pub fn index(&self) -> Vec<IndexEntry> {
        let entry = |(name, version, slot): (String, String, Arc<Slot>)| {
            let status = slot.status();
            IndexEntry { name, version, state: status.state.name(), reason: status.reason }
        };
        self.all().into_iter().map(entry).collect()
    }

    /// Where a version stands; of a model without a version the highest that is ready, else the
    /// highest.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a model or version that is not known.
    pub fn state(&self, name: &str, version: Option<&str>) -> Result<State, ServerError> {
        let states: Vec<State> =
            self.slots(name, version)?.iter().map(|slot| slot.status().state).collect();
        let ready = states.iter().rev().find(|state| **state == State::Ready);
        ready.or(states.last()).copied().ok_or_else(|| unknown(name))
    }

    /// Whether the server should get requests: it does not end, nothing is being loaded for the
    /// first time, nothing that was to be served failed, and no run hangs.
    pub fn is_ready(&self) -> bool {
        let ready = |slot: &Slot| slot.is_as_wanted();
        !self.is_draining() && self.all().iter().all(|(_, _, slot)| ready(slot))
    }

    /// From now on the server is not ready; what comes all the same is still served.
    pub fn begin_drain(&self) {
        self.draining.store(true, atomic::Ordering::SeqCst);
    }

    /// Whether the server is about to end.
    pub fn is_draining(&self) -> bool {
        self.draining.load(atomic::Ordering::SeqCst)
    }

    /// Takes everything out of service and waits for the last requests, but no longer than
    /// `until`; tells whether all have ended.
    pub fn close(&self, until: Instant) -> bool {
        self.begin_drain();
        let mut all_ended = true;
        for (_, _, slot) in self.all() {
            all_ended &= slot.unload(until);
        }
        all_ended
    }

    /// Counts and measures.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.around.metrics
    }

    /// Rings deadlines.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.around.clock
    }

    fn check_open(&self) -> Result<(), ServerError> {
        if self.is_draining() {
            return Err(ServerError::new(ErrorKind::Unavailable, "the server is ending"));
        }
        Ok(())
    }

    fn all(&self) -> Vec<(String, String, Arc<Slot>)> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let of_model = |(name, versions): &(String, Versions)| {
            let slots = versions.iter().map(|(VersionName(version), slot)| {
                (name.clone(), version.clone(), Arc::clone(slot))
            });
            slots.collect::<Vec<_>>()
        };
        models.iter().flat_map(of_model).collect()
    }

    /// The places of a model, the highest version last.
    fn slots(&self, name: &str, version: Option<&str>) -> Result<Vec<Arc<Slot>>, ServerError> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let found = models.iter().find(|(own, _)| own == name);
        let (_, versions) = found.ok_or_else(|| unknown(name))?;
        let Some(version) = version else { return Ok(versions.values().cloned().collect()) };
        let slot = versions.get(&VersionName(version.to_owned())).ok_or_else(|| {
            let message = format!("the model has no version {:?}", clipped(version));
            ServerError::new(ErrorKind::NotFound, message).with_model(name)
        })?;
        Ok(vec![Arc::clone(slot)])
    }
}

fn unknown(name: &str) -> ServerError {
    let message = format!("there is no model {:?}", clipped(name));
    ServerError::new(ErrorKind::NotFound, message)
}

/// The beginning of a name that a client gave.
fn clipped(name: &str) -> String {
    name.chars().take(80).collect()
}
