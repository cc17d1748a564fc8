//! Built engines on disk: one folder for each key, complete or not there.
//!
//! An engine is built in a folder of its own and renamed into place, under a lock of the key, so
//! two processes build the same engine once and no reader sees half of one.

use std::{
    env,
    fmt::Write as _,
    fs::{self, File, TryLockError},
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The engine in its folder, and in the folder it is built in.
pub(crate) const ENGINE: &str = "model.engine";
const ABOUT: &str = "about.json";
const PAUSE: Duration = Duration::from_millis(50);
const SCHEMA: u32 = 1;

/// What stands beside an engine: enough to know it, and to see that it is whole.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    schema_version: u32,
    sha256: String,
    #[serde(flatten)]
    origin: Origin,
}

/// Where an engine comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) model: String,
    pub(crate) tensorrt: String,
    pub(crate) gpu: String,
    pub(crate) flags: Vec<String>,
}

/// The folder of built engines: the one given, else the user's.
///
/// # Errors
/// What to set where neither the option nor the environment names one.
pub(crate) fn folder(given: Option<PathBuf>) -> Result<PathBuf, String> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = given
        .or_else(|| Some(variable("OXIDIZEDVISION_HOME")?.join("cache").join("tensorrt")))
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("oxidizedvision").join("tensorrt")))
        .or_else(|| Some(variable("HOME")?.join(".cache/oxidizedvision/tensorrt")))
        .ok_or("no folder for engines: give option cache_dir, or set OXIDIZEDVISION_HOME")?;
    // `trtexec` runs in another folder.
    std::path::absolute(&folder).map_err(|error| format!("cache_dir {}: {error}", folder.display()))
}

/// The place of one engine.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) cache: &'a Path,
    pub(crate) key: String,
}

impl Entry<'_> {
    fn folder(&self) -> PathBuf {
        self.cache.join(&self.key)
    }

    fn staging_prefix(&self) -> String {
        format!(".building-{}-", self.key)
    }

    /// The engine, where it is there and whole.
    fn whole(&self) -> Option<PathBuf> {
        let about = fs::read(self.folder().join(ABOUT)).ok()?;
        let about: About = serde_json::from_slice(&about).ok()?;
        let engine = self.folder().join(ENGINE);
        let same = digest_of(&engine).is_ok_and(|digest| digest == about.sha256);
        (same && about.schema_version == SCHEMA).then_some(engine)
    }

    /// The engine from the cache, else from `build`, which leaves it as [`ENGINE`] in the folder
    /// that it is given.
    ///
    /// # Errors
    /// That of `build`, or `failed` of what the file system says.
    pub(crate) fn engine<E>(
        &self,
        wait: Duration,
        origin: &Origin,
        build: impl FnOnce(&Path) -> Result<(), E>,
        failed: impl Fn(String) -> E,
    ) -> Result<PathBuf, E> {
        if let Some(engine) = self.whole() {
            return Ok(engine);
        }
        let told = |error: io::Error| {
            failed(format!("the folder of engines, {}: {error}", self.cache.display()))
        };
        fs::create_dir_all(self.cache).map_err(told)?;
        let _lock = self.lock(wait).map_err(told)?;
        if let Some(engine) = self.whole() {
            return Ok(engine);
        }
        self.sweep();
        let staging = tempfile::Builder::new()
            .prefix(&self.staging_prefix())
            .tempdir_in(self.cache)
            .map_err(told)?;
        build(staging.path())?;
        self.publish(staging, origin.clone()).map_err(told)?;
        Ok(self.folder().join(ENGINE))
    }

    /// Held until it is dropped, or until this process dies.
    fn lock(&self, wait: Duration) -> io::Result<File> {
        let file = File::create(self.cache.join(format!("{}.lock", self.key)))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if start.elapsed() >= wait => {
                    return Err(io::Error::other("another process is still building this engine"));
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
    }

    /// Removes what builders left that died; under the lock nobody else is building this.
    fn sweep(&self) {
        let prefix = self.staging_prefix();
        let entries = fs::read_dir(self.cache).into_iter().flatten().flatten();
        for entry in
            entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }

    fn publish(&self, staging: tempfile::TempDir, origin: Origin) -> io::Result<()> {
        let engine = staging.path().join(ENGINE);
        File::open(&engine)?.sync_all()?;
        let about = About { schema_version: SCHEMA, sha256: digest_of(&engine)?, origin };
        fs::write(staging.path().join(ABOUT), serde_json::to_vec_pretty(&about)?)?;
        // A damaged engine in the way goes first.
        if self.folder().exists() {
            fs::remove_dir_all(self.folder())?;
        }
        fs::rename(staging.keep(), self.folder())
    }
}

/// The file of a model that came as bytes, which stays for the next start: `trtexec` reads files.
///
/// # Errors
/// What the file system says.
pub(crate) fn model(cache: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let folder = cache.join("models");
    let digest = digest_of_bytes(bytes);
    let path = folder.join(format!("{digest}.onnx"));
    if digest_of(&path).is_ok_and(|own| own == digest) {
        return Ok(path);
    }
    fs::create_dir_all(&folder)?;
    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(path)
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn digest_of(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(digest)),
            length => digest.update(&buffer[..length]),
        }
    }
}

/// SHA-256 of bytes, in hexadecimal.
pub(crate) fn digest_of_bytes(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new().chain_update(bytes))
}

/// One key for a list of texts, whatever they hold.
pub(crate) fn key_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    hexadecimal(digest)
}

fn hexadecimal(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn origin() -> Origin {
        Origin { model: "m".into(), tensorrt: "10".into(), gpu: "A".into(), flags: vec![] }
    }

    fn build(entry: &Entry<'_>, builds: &Cell<u32>) -> PathBuf {
        let write = |folder: &Path| {
            builds.set(builds.get() + 1);
            fs::write(folder.join(ENGINE), "engine").map_err(|error| error.to_string())
        };
        entry.engine(Duration::from_secs(5), &origin(), write, |reason| reason).unwrap()
    }

    #[test]
    fn an_engine_is_built_once_and_again_when_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Entry { cache: folder.path(), key: key_of(["a"]) };
        let builds = Cell::new(0);
        let engine = build(&entry, &builds);
        assert_eq!(build(&entry, &builds), engine);
        assert_eq!(builds.get(), 1);
        for (file, content) in [(ENGINE, "engin"), (ABOUT, "{}"), (ABOUT, "not json")] {
            let before = builds.get();
            fs::write(engine.with_file_name(file), content).unwrap();
            build(&entry, &builds);
            assert_eq!(builds.get(), before + 1, "{file} {content}");
            assert_eq!(fs::read_to_string(&engine).unwrap(), "engine");
        }
    }

    #[test]
    fn a_failed_build_leaves_nothing_and_what_the_dead_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Entry { cache: folder.path(), key: key_of(["a"]) };
        let left = folder.path().join(format!(".building-{}-dead", entry.key));
        fs::create_dir(&left).unwrap();
        let fail = |_: &Path| Err("no".to_owned());
        let error = entry.engine(Duration::from_secs(5), &origin(), fail, |reason| reason);
        assert_eq!(error.unwrap_err(), "no");
        assert!(!left.exists() && !entry.folder().exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the lock alone is left");
    }

    #[test]
    fn who_waits_too_long_for_another_builder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Entry { cache: folder.path(), key: key_of(["a"]) };
        let _held = entry.lock(Duration::ZERO).unwrap();
        let never = |_: &Path| Ok(());
        let error = entry.engine(Duration::from_millis(100), &origin(), never, |reason| reason);
        assert!(error.unwrap_err().contains("another process"));
    }

    #[test]
    fn a_model_of_bytes_has_a_file_that_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = model(folder.path(), b"a model").unwrap();
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(model(folder.path(), b"a model").unwrap(), path);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
        fs::write(&path, "a mod").unwrap();
        assert_eq!(model(folder.path(), b"a model").unwrap(), path);
        assert_eq!(fs::read(&path).unwrap(), b"a model");
        assert_ne!(model(folder.path(), b"another").unwrap(), path);
    }

    #[test]
    fn keys_do_not_run_into_each_other() {
        assert_ne!(key_of(["ab", "c"]), key_of(["a", "bc"]));
        assert_ne!(key_of(["a"]), key_of(["a", ""]));
        assert_eq!(key_of(["a", "b"]), key_of(["a", "b"]));
    }
}
