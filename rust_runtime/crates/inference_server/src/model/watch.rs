//! A folder of models that is served as it stands, whatever others put into it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{
    description::{Description, Format, ModelSettings, Source},
    files::{Seen, manifests_in, name_by_manifest, name_of, seen_of},
    repository::Repository,
};
use crate::ServerError;

/// A load that failed is tried so often while nothing changes; once a file that the manifest lists
/// comes or changes, it is tried again.
const TRIES: u32 = 5;
/// The version of a model that is not in a folder of its version.
const FIRST: &str = "1";

/// Watches a folder by its manifests, which are renamed into place when all else is there:
/// `NAME.oxv.json` for a model, `NAME/VERSION/*.oxv.json` for one of its versions.
#[derive(Debug)]
pub struct Watch {
    /// The folder.
    pub folder: PathBuf,
    /// What is read of each manifest.
    pub format: Format,
    /// The engine that runs the models.
    pub runner: String,
    /// How.
    pub settings: ModelSettings,
    /// How long the requests of a model that has gone may take to end.
    pub patience: Duration,
    known: BTreeMap<(String, String), Known>,
}

#[derive(Debug)]
struct Known {
    seen: Seen,
    /// The files that the manifest lists, before the last load.
    files: Vec<Option<Seen>>,
    /// Loads of these that failed.
    failed: u32,
}

/// What a look at the folder has led to.
#[derive(Debug)]
pub enum Change {
    /// A version serves, or serves anew.
    Loaded(String, String),
    /// A version could not be loaded; what served before still does.
    Failed(String, String, ServerError),
    /// A version was taken out of service.
    Unloaded(String, String),
}

impl Watch {
    /// A watch over a folder at which nobody has looked yet.
    pub fn new(folder: PathBuf, format: Format, runner: &str, settings: ModelSettings) -> Self {
        let patience = Duration::from_secs(30);
        let (runner, known) = (runner.to_owned(), BTreeMap::new());
        Self { folder, format, runner, settings, patience, known }
    }

    /// Loads what is new or has changed, and unloads what has gone.
    pub fn look(&mut self, repository: &Repository) -> Vec<Change> {
        let found = self.manifests();
        let mut changes = self.forget_gone(&found, repository);
        for ((name, version), (path, seen)) in found {
            let key = (name.clone(), version.clone());
            let Some((files, failed)) = self.is_due(&key, &path, seen) else { continue };
            let (failed, change) = match self.load(repository, &key, path) {
                Ok(()) => (0, Change::Loaded(name, version)),
                Err(error) => (failed + 1, Change::Failed(name, version, error)),
            };
            self.known.insert(key, Known { seen, files, failed });
            changes.push(change);
        }
        changes
    }

    /// The files of a manifest that is to be loaded, and how often loading them has failed.
    fn is_due(
        &self,
        key: &(String, String),
        path: &Path,
        seen: Seen,
    ) -> Option<(Vec<Option<Seen>>, u32)> {
        let known = self.known.get(key).filter(|known| known.seen == seen);
        if known.is_some_and(|known| known.failed == 0) {
            return None;
        }
        let files = seen_of(path, self.format);
        let failed = known.filter(|known| known.files == files).map_or(0, |known| known.failed);
        (failed < TRIES).then_some((files, failed))
    }

    fn load(
        &self,
        repository: &Repository,
        (name, version): &(String, String),
        path: PathBuf,
    ) -> Result<(), ServerError> {
        repository.describe(Description {
            name: name.clone(),
            version: version.clone(),
            source: Source::Manifest(path, self.format),
            runner: self.runner.clone(),
            settings: self.settings.clone(),
        })?;
        repository.load(name, Some(version))
    }

    fn forget_gone(
        &mut self,
        found: &BTreeMap<(String, String), (PathBuf, Seen)>,
        repository: &Repository,
    ) -> Vec<Change> {
        let gone: Vec<_> =
            self.known.keys().filter(|key| !found.contains_key(*key)).cloned().collect();
        let mut changes = Vec::new();
        for key in gone {
            self.known.remove(&key);
            let (name, version) = key;
            let until = Instant::now() + self.patience;
            changes.push(match repository.unload(&name, Some(&version), until) {
                Ok(()) => Change::Unloaded(name, version),
                Err(error) => Change::Failed(name, version, error),
            });
        }
        changes
    }

    /// By name and version; of several for the same the first by its file's name.
    fn manifests(&self) -> BTreeMap<(String, String), (PathBuf, Seen)> {
        let mut found = BTreeMap::new();
        let mut add = |name: String, version: String, path: PathBuf| {
            if let Ok(metadata) = fs::metadata(&path) {
                found.entry((name, version)).or_insert((path, Seen::of(&metadata)));
            }
        };
        for path in sorted(manifests_in(&self.folder)) {
            if let Some(name) = name_by_manifest(&path) {
                add(name, FIRST.to_owned(), path);
            }
        }
        for model in folders_in(&self.folder) {
            for version in folders_in(&model) {
                for path in sorted(manifests_in(&version)) {
                    add(name_of(&model), name_of(&version), path);
                }
            }
        }
        found
    }
}

fn sorted(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort();
    paths
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let paths = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    sorted(paths.filter(|path| !name_of(path).starts_with('.')).collect())
}

/// Looks at a folder again and again; dropping it ends that.
#[derive(Debug)]
pub struct Watcher {
    stop: Arc<Stop>,
}

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Watcher {
    /// Starts a thread that looks now and then every `period`; each change is told to `report`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        mut watch: Watch,
        repository: Arc<Repository>,
        period: Duration,
        report: impl Fn(&Change) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let of_thread = Arc::clone(&stop);
        let look = move || {
            while !repository.is_draining() {
                watch.look(&repository).iter().for_each(&report);
                if of_thread.wait(period) {
                    return;
                }
            }
        };
        thread::Builder::new().name("watch".into()).spawn(look)?;
        Ok(Self { stop })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        *self.stop.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
    }
}

impl Stop {
    /// Waits; tells whether it is time to end.
    fn wait(&self, period: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopped, period, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
