use std::path::Path;

/// Refuses a path that the system's loader must not be given: it waits for the other end of a pipe.
///
/// A bare name is the loader's to find, and so is a file that is not there.
///
/// # Errors
/// What is there in place of a file.
pub fn check_library(path: &Path) -> Result<(), String> {
    let is_bare = path.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    match path.metadata() {
        Ok(metadata) if !is_bare && metadata.is_dir() => Err("it is a folder".to_owned()),
        Ok(metadata) if !is_bare && !metadata.is_file() => {
            Err("it is a pipe or a device and no file".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn files_and_names_pass_and_what_is_no_file_is_told() {
        for passes in [
            "libm.so.6",
            "/no/such/library.so",
            "src",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ] {
            check_library(Path::new(passes)).unwrap();
        }
        assert!(check_library(Path::new("/dev/null")).unwrap_err().contains("device"));
        assert!(
            check_library(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_err().contains("folder")
        );
    }
}
