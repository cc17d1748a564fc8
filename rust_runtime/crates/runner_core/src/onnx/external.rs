use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use super::{ExternalTensor, OnnxModel};
use crate::{LoadError, LoadErrorKind, ModelSource, RunnerConfig};

const OUTSIDE: &str = "is outside the model's folder";
const LINKED: &str = "is a hard link, so it may be outside the model's folder";

/// The files that a model keeps tensors in, each checked to lie in the model's own folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExternalData {
    /// The name inside the model, and the file.
    pub files: Vec<(String, PathBuf)>,
    /// The model's folder; none for a model that came as bytes.
    pub folder: Option<PathBuf>,
}

impl ExternalData {
    /// Resolves every file that `model` names.
    ///
    /// # Errors
    /// [`LoadErrorKind::Unsupported`] when a model that came as bytes names files,
    /// [`LoadErrorKind::Corrupt`] for a file outside the model's folder (by `..`, an absolute path
    /// or a link) and for one that ends before its tensors do, [`LoadErrorKind::Unreadable`] for
    /// one that is not there or is no plain file.
    pub fn resolve(config: &RunnerConfig, model: &OnnxModel) -> Result<Self, LoadError> {
        let name = config.source.name();
        let locations: BTreeSet<&str> =
            model.external.iter().map(|tensor| tensor.location.as_str()).collect();
        let ModelSource::Path(path) = &config.source else {
            return match locations.first() {
                None => Ok(Self::default()),
                Some(location) => Err(LoadError::new(
                    LoadErrorKind::Unsupported,
                    &name,
                    format!("weights are in a second file, {location:?}: load it by its path"),
                )),
            };
        };
        let folder = folder_of(path);
        let mut files = Vec::with_capacity(locations.len());
        for location in locations {
            let refuse = |reason| refused(&name, location, reason);
            let (file, length) = confined(&folder, location).map_err(refuse)?;
            let tensors = model.external.iter().filter(|tensor| tensor.location == location);
            ends_within(&name, tensors, length)?;
            files.push((location.to_owned(), file));
        }
        Ok(Self { files, folder: Some(folder) })
    }
}

fn refused(model: &str, location: &str, reason: &str) -> LoadError {
    let kind = match reason {
        OUTSIDE | LINKED => LoadErrorKind::Corrupt,
        _ => LoadErrorKind::Unreadable,
    };
    LoadError::new(kind, model, format!("external data {location:?} {reason}"))
}

/// Refuses tensors that go beyond the end of their file, which has this many bytes.
fn ends_within<'a>(
    model: &str,
    tensors: impl Iterator<Item = &'a ExternalTensor>,
    bytes: u64,
) -> Result<(), LoadError> {
    for ExternalTensor { name, location, offset, length } in tensors {
        let end = offset.saturating_add(length.unwrap_or(0));
        if end > bytes {
            let message = format!(
                "tensor {name:?} ends at byte {end} of external data {location:?}, which has {bytes}"
            );
            return Err(LoadError::new(LoadErrorKind::Corrupt, model, message));
        }
    }
    Ok(())
}

fn folder_of(model: &Path) -> PathBuf {
    match model.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The file and its length in bytes.
fn confined(folder: &Path, location: &str) -> Result<(PathBuf, u64), &'static str> {
    let relative = Path::new(location);
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if location.is_empty() || !relative.components().all(inside) {
        return Err(OUTSIDE);
    }
    let folder = folder.canonicalize().map_err(|_| "has no readable folder")?;
    let file = folder.join(relative).canonicalize().map_err(|_| "cannot be found")?;
    if !file.starts_with(&folder) {
        return Err(OUTSIDE);
    }
    let metadata = file.metadata().map_err(|_| "cannot be read")?;
    if !metadata.is_file() {
        return Err("is no plain file");
    }
    if has_other_names(&metadata) {
        return Err(LINKED);
    }
    Ok((file, metadata.len()))
}

#[cfg(unix)]
fn has_other_names(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn only_plain_files_inside_the_folder_are_given() {
        let root = std::env::temp_dir().join(format!("oxv-external-{}", std::process::id()));
        let folder = root.join("model");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("weights.data"), "in").unwrap();
        fs::write(root.join("secret"), "out").unwrap();
        symlink("weights.data", folder.join("link")).unwrap();
        symlink("../secret", folder.join("way-out")).unwrap();
        symlink(&root, folder.join("up")).unwrap();
        fs::hard_link(root.join("secret"), folder.join("hard")).unwrap();

        let inside = (folder.join("weights.data").canonicalize().unwrap(), 2);
        assert_eq!(confined(&folder, "weights.data").as_ref(), Ok(&inside));
        assert_eq!(confined(&folder, "link"), Ok(inside));
        let absolute = root.join("secret").to_string_lossy().into_owned();
        for location in
            ["", ".", "../secret", "way-out", "up/secret", "hard", "none", "nu\0l", &absolute]
        {
            assert!(confined(&folder, location).is_err(), "{location}");
        }
        fs::remove_dir_all(root).unwrap();
    }
}
