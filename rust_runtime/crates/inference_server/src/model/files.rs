//! A model's files, read and held against what its manifest says of them.

use std::{
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use runner_core::{ModelSource, RunnerConfig, onnx};
use vision_io::Contract;
use vision_model::{FileRecord, Goldens, Manifest, Stage, Tolerance, hex_sha256};

use super::{
    description::{Format, Source},
    failure::LoadFailure,
};

const MANIFEST: &str = ".oxv.json";
/// What stands behind a model's name in the names of its smaller forms.
const FORMS: [&str; 3] = [".optimized", ".fp16", ".int8"];

/// What a model's files say.
pub(super) struct Files {
    pub(super) source: ModelSource,
    pub(super) sha256: String,
    pub(super) contract: Contract,
    pub(super) goldens: Option<Goldens>,
    seen: Option<(PathBuf, Seen)>,
}

/// By which a file is known again, unless somebody takes pains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    length: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl Seen {
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { length: metadata.len(), modified: metadata.modified().ok(), inode }
    }
}

impl Files {
    pub(super) fn read(source: &Source) -> Result<Self, LoadFailure> {
        match source {
            Source::File(path) => Self::of_file(path),
            Source::Manifest(path, format) => {
                let (content, manifest) = read_manifest(path)?;
                let stage = newest(&manifest, *format);
                let missing = || {
                    LoadFailure::new(
                        "not_found",
                        format!("{} lists no {format:?} file", name_of(path)),
                    )
                };
                let file = path.with_file_name(&stage.ok_or_else(missing)?.output.file);
                Self::of_listed(&file, path, &(content, manifest))
            }
            Source::Bytes { file, model, goldens, manifest } => {
                Self::of_bytes(file, model, goldens.as_deref(), manifest.as_ref())
            }
        }
    }

    /// Refuses a model whose file was changed while it was being loaded.
    pub(super) fn check_unchanged(&self) -> Result<(), LoadFailure> {
        let Some((path, seen)) = &self.seen else { return Ok(()) };
        match fs::metadata(path) {
            Ok(metadata) if Seen::of(&metadata) == *seen => Ok(()),
            _ => Err(LoadFailure::new(
                "unreadable",
                format!("{} was changed while it was being loaded", name_of(path)),
            )),
        }
    }

    fn of_file(path: &Path) -> Result<Self, LoadFailure> {
        if let Some(manifest) = manifest_of(path) {
            let read = read_manifest(&manifest)?;
            return Self::of_listed(path, &manifest, &read);
        }
        let (bytes, seen) = read(path)?;
        let contract = contract_of(path, &bytes, None)?;
        let source = ModelSource::Path(path.to_owned());
        let (sha256, seen) = (hex_sha256(&bytes), Some((path.to_owned(), seen)));
        Ok(Self { source, sha256, contract, goldens: None, seen })
    }

    /// A file that a manifest lists, with the goldens that it names.
    fn of_listed(
        path: &Path,
        manifest_path: &Path,
        (content, manifest): &(Arc<[u8]>, Manifest),
    ) -> Result<Self, LoadFailure> {
        let stage = manifest.stage_of(&name_of(path)).ok_or_else(|| {
            LoadFailure::new(
                "corrupt",
                format!("{} does not list {}", name_of(manifest_path), name_of(path)),
            )
        })?;
        let (bytes, seen) = read(path)?;
        let sha256 = same(path, &bytes, &stage.output)?;
        let contract = contract_of(path, &bytes, Some(content))?;
        drop(bytes);
        let golden_path = manifest_path.with_file_name(&manifest.goldens.file);
        let (golden_bytes, _) = read(&golden_path)?;
        same(&golden_path, &golden_bytes, &manifest.goldens)?;
        let mut goldens = goldens_of(&golden_path, &golden_bytes)?;
        goldens.tolerance = manifest.tolerance_of(stage).unwrap_or(goldens.tolerance);
        let source = ModelSource::Path(path.to_owned());
        let seen = Some((path.to_owned(), seen));
        Ok(Self { source, sha256, contract, goldens: Some(goldens), seen })
    }

    fn of_bytes(
        file: &str,
        model: &Arc<[u8]>,
        goldens: Option<&[u8]>,
        manifest: Option<&Arc<[u8]>>,
    ) -> Result<Self, LoadFailure> {
        let contract = contract_of(Path::new(file), model, manifest.map(AsRef::as_ref))?;
        let mut goldens = goldens.map(|bytes| goldens_of(Path::new(file), bytes)).transpose()?;
        let sha256 = hex_sha256(model);
        if let Some(content) = manifest {
            let tolerance = tolerance_of(file, content, &sha256)?;
            if let (Some(goldens), Some(tolerance)) = (goldens.as_mut(), tolerance) {
                goldens.tolerance = tolerance;
            }
        }
        let source = ModelSource::Bytes { name: file.to_owned(), bytes: Arc::clone(model) };
        Ok(Self { source, sha256, contract, goldens, seen: None })
    }
}

/// What counts as equal for a carried model, which its manifest knows by its SHA-256.
fn tolerance_of(
    file: &str,
    manifest: &[u8],
    sha256: &str,
) -> Result<Option<Tolerance>, LoadFailure> {
    let manifest = Manifest::read(manifest).map_err(|error| {
        LoadFailure::new("corrupt", format!("the manifest of {file} is none: {error}"))
    })?;
    let stage = manifest.stages.iter().find(|stage| stage.output.sha256 == sha256);
    let stage = stage.ok_or_else(|| {
        LoadFailure::new(
            "check_failed",
            format!("{file} is not a file that its manifest lists: its SHA-256 is {sha256}"),
        )
    })?;
    Ok(manifest.tolerance_of(stage))
}

fn newest(manifest: &Manifest, format: Format) -> Option<&Stage> {
    match format {
        Format::Onnx => manifest.newest_onnx(),
        Format::Torchscript => manifest.newest_torchscript(),
    }
}

/// What is there of the files that a manifest stands for; none of a manifest that cannot be read.
pub(super) fn seen_of(manifest_path: &Path, format: Format) -> Vec<Option<Seen>> {
    let Ok((_, manifest)) = read_manifest(manifest_path) else { return Vec::new() };
    let model = newest(&manifest, format).map(|stage| &stage.output);
    let files = model.into_iter().chain([&manifest.goldens]);
    let seen = |file: &FileRecord| fs::metadata(manifest_path.with_file_name(&file.file));
    files.map(|file| seen(file).ok().map(|metadata| Seen::of(&metadata))).collect()
}

/// A file's own name, never its folder.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Result<(Arc<[u8]>, Seen), LoadFailure> {
    let told = |failure: LoadFailure| failure.with_detail(path.display().to_string());
    let metadata = fs::metadata(path).map_err(|error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let cause = if missing { "not_found" } else { "unreadable" };
        told(LoadFailure::new(cause, format!("{} cannot be read: {error}", name_of(path))))
    })?;
    // Opens no pipe and no device, which might never end.
    let bytes = RunnerConfig::from_path(path)
        .bytes()
        .map_err(|error| told(LoadFailure::new(error.kind().name(), error.to_string())))?;
    Ok((bytes, Seen::of(&metadata)))
}

fn read_manifest(path: &Path) -> Result<(Arc<[u8]>, Manifest), LoadFailure> {
    let (content, _) = read(path)?;
    let manifest = Manifest::read(&content).map_err(|error| {
        LoadFailure::new("corrupt", format!("{} is no manifest: {error}", name_of(path)))
    })?;
    Ok((content, manifest))
}

/// The SHA-256 of a file that is what the manifest says.
fn same(path: &Path, bytes: &[u8], record: &FileRecord) -> Result<String, LoadFailure> {
    let sha256 = hex_sha256(bytes);
    if sha256 == record.sha256 {
        return Ok(sha256);
    }
    Err(LoadFailure::new(
        "check_failed",
        format!(
            "{} is not the file that the manifest lists: its SHA-256 is {sha256}, not {}",
            name_of(path),
            record.sha256
        ),
    ))
}

fn contract_of(
    path: &Path,
    model: &[u8],
    manifest: Option<&[u8]>,
) -> Result<Contract, LoadFailure> {
    // TorchScript files are archives and have no such metadata; their manifest has it.
    let contract = match (onnx::metadata(model), manifest) {
        (Some(_), _) => Contract::from_onnx(model),
        (None, Some(manifest)) => Contract::from_manifest(manifest),
        (None, None) => Ok(Contract::default()),
    };
    contract.map_err(|error| LoadFailure::new("corrupt", format!("{}: {error}", name_of(path))))
}

fn goldens_of(path: &Path, bytes: &[u8]) -> Result<Goldens, LoadFailure> {
    Goldens::read(bytes).map_err(|error| {
        LoadFailure::new("corrupt", format!("the goldens of {}: {error}", name_of(path)))
    })
}

/// The manifest that lists a model's file: that of its own name, else another beside it. One of
/// its own name that cannot be read is given too, so that what is wrong with it is told.
fn manifest_of(model: &Path) -> Option<PathBuf> {
    let mut stem = model.file_stem()?.to_str()?;
    for form in FORMS {
        stem = stem.strip_suffix(form).unwrap_or(stem);
    }
    let own = model.with_file_name(format!("{stem}{MANIFEST}"));
    let lists = |manifest: &Manifest| manifest.stage_of(&name_of(model)).is_some();
    if own.is_file() && read_manifest(&own).map_or(true, |(_, manifest)| lists(&manifest)) {
        return Some(own);
    }
    let folder = model.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut others = manifests_in(folder.unwrap_or(Path::new(".")));
    others.sort();
    others.into_iter().find(|path| read_manifest(path).is_ok_and(|(_, found)| lists(&found)))
}

/// The manifests that lie in a folder.
pub(super) fn manifests_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| name_of(path).ends_with(MANIFEST) && path.is_file()).collect()
}

/// The name that a manifest's file gives its model.
pub(super) fn name_by_manifest(path: &Path) -> Option<String> {
    let name = name_of(path);
    name.strip_suffix(MANIFEST).map(ToOwned::to_owned).filter(|name| !name.is_empty())
}
