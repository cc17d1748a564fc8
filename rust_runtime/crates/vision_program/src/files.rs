use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use crate::{Exit, Fault};

/// The largest file that is read.
const MAX_FILE: u64 = 4 << 30;
/// The most that is read of a pipe, which does not say how much comes.
const MAX_PIPE: u64 = 1 << 30;

/// Reads a whole file; pipes work too.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let failed = |error| unreadable(path, &error);
    let metadata = fs::metadata(path).map_err(failed)?;
    let refused = |why: &str| Fault::bad(format!("{} {why}", path.display()));
    if metadata.is_dir() {
        return Err(refused("is a folder, not a file"));
    }
    if is_device(&metadata) {
        return Err(refused("is a device, not a file").with_hint("Give a file or a pipe."));
    }
    let (most, hint) = if metadata.is_file() {
        (MAX_FILE, "Give a smaller file.")
    } else {
        (MAX_PIPE, "Write it to a file first.")
    };
    let too_large = || refused(&format!("is larger than {} GiB", most >> 30)).with_hint(hint);
    if metadata.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(metadata.len() as usize)
        .map_err(|_| failed(ErrorKind::OutOfMemory.into()))?;
    let file = File::open(path).map_err(failed)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    let exit = match error.kind() {
        ErrorKind::PermissionDenied => Exit::FileSystem,
        _ => Exit::BadInput,
    };
    let fault = Fault::new(exit, format!("{} cannot be read: {error}", path.display()));
    match error.kind() {
        ErrorKind::NotFound => {
            fault.of_kind("not_found").with_hint("Check the path and the current folder.")
        }
        _ => fault,
    }
}

/// Whether it is a disk, a terminal or a source without end such as /dev/zero.
#[cfg(unix)]
fn is_device(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;

    let kind = metadata.file_type();
    kind.is_char_device() || kind.is_block_device()
}

#[cfg(not(unix))]
fn is_device(_metadata: &fs::Metadata) -> bool {
    false
}

/// Whether a file's name says that it is a tensor.
pub(crate) fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"))
}

/// Whether a file's name says that it is a document.
pub(crate) fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}

/// Whether two paths lead to one file that is there.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok().filter(|path| path.is_file());
    real(one).is_some_and(|one| real(other) == Some(one))
}

/// Refuses an output that could not be written, before any work is done for it.
pub(crate) fn check_writable(path: &Path) -> Result<(), Fault> {
    let refused = |why: &str| Fault::new(Exit::FileSystem, format!("{} {why}", path.display()));
    let folder = folder_of(path);
    if !folder.is_dir() {
        let hint = format!("Make the folder {} first.", folder.display());
        return Err(refused("cannot be written: its folder is not there").with_hint(hint));
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(refused("is a folder, not a file")),
        Ok(metadata) if !metadata.is_file() => Err(refused("is not an ordinary file")),
        _ => Ok(()),
    }
}

/// Writes a file whole, or leaves what was there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    check_writable(path)?;
    // A link stays a link: what it leads to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    write_through_temporary(&target, bytes).map_err(|error| {
        Fault::new(Exit::FileSystem, format!("{} cannot be written: {error}", path.display()))
            .with_hint("Check the folder's permissions and the space left on the disk.")
    })
}

fn write_through_temporary(target: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder_of(target))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(target).map(drop).map_err(|error| error.error)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_are_told_from_files() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap_err().exit(), Exit::BadInput);
        assert_eq!(read(&folder.path().join("none")).unwrap_err().exit(), Exit::BadInput);
        assert_eq!(write(folder.path(), b"").unwrap_err().exit(), Exit::FileSystem);
        let nowhere = folder.path().join("a/b.png");
        assert_eq!(write(&nowhere, b"").unwrap_err().exit(), Exit::FileSystem);
    }

    #[test]
    fn what_is_not_there_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let fault = read(&folder.path().join("none")).unwrap_err();
        assert_eq!(fault.to_json()["kind"], "not_found");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("holes.png");
        File::create(&path).unwrap().set_len(MAX_FILE + 1).unwrap();
        let start = std::time::Instant::now();
        assert!(read(&path).unwrap_err().to_string().contains("larger than 4 GiB"));
        assert!(start.elapsed().as_millis() < 500);
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_refused() {
        let fault = read(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(fault.exit(), Exit::BadInput);
        assert!(fault.to_string().contains("is a device"), "{fault}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }
}
