//! NVIDIA's libraries where Python packages bring them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use libloading::Library;

/// What the CUDA provider needs, each behind what it needs itself.
const LIBRARIES: [&str; 8] =
    ["cudart", "nvJitLink", "nvrtc", "cublasLt", "cublas", "curand", "cufft", "cudnn"];

/// Loads NVIDIA's libraries from the packages beside that of ONNX Runtime, and says whether there
/// was one that loads.
///
/// The CUDA provider asks the system's loader for them by name, and the loader does not look into
/// Python packages. A library that is loaded already is found by its name.
pub(crate) fn load(onnx_runtime: &Path) -> bool {
    let loads = |file: &PathBuf| {
        // SAFETY: the library's initialisers run; it lies beside the ONNX Runtime that the user
        // chose.
        match unsafe { Library::new(file) } {
            Ok(library) => {
                // The provider uses it until the process ends.
                std::mem::forget(library);
                true
            }
            Err(_) => false,
        }
    };
    libraries(onnx_runtime).iter().filter(|file| loads(file)).count() > 0
}

/// The files in the order in which they must be loaded.
fn libraries(onnx_runtime: &Path) -> Vec<PathBuf> {
    // The library is `onnxruntime/capi/FILE` in the folder of packages.
    let Some(packages) = onnx_runtime.ancestors().nth(3) else {
        return Vec::new();
    };
    let folders = entries(&packages.join("nvidia")).into_iter().map(|folder| folder.join("lib"));
    let files: Vec<PathBuf> = folders.flat_map(|folder| entries(&folder)).collect();
    let named = |name: &str| {
        let start = format!("lib{name}.so.");
        let fits = move |file: &&PathBuf| {
            let name = file.file_name().map(|name| name.to_string_lossy());
            name.is_some_and(|name| name.starts_with(&start))
        };
        files.iter().filter(fits).cloned().collect::<Vec<_>>()
    };
    LIBRARIES.into_iter().flat_map(named).collect()
}

/// What is in a folder, by name; nothing where there is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = found.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{env, process::Command};

    use super::*;

    /// A folder of packages with empty files in it, and ONNX Runtime's place in it.
    fn packages(name: &str, files: &[&str]) -> (PathBuf, PathBuf) {
        let folder = env::temp_dir().join(format!("oxv-ort-{name}-{}", std::process::id()));
        for file in files {
            let file = folder.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let library = folder.join("onnxruntime/capi/libonnxruntime.so.1");
        (folder, library)
    }

    #[test]
    fn what_others_need_comes_first() {
        let (folder, library) = packages(
            "wheels",
            &[
                "nvidia/cu13/lib/libcublas.so.13",
                "nvidia/cu13/lib/libcublasLt.so.13",
                "nvidia/cu13/lib/libcudart.so.13",
                "nvidia/cu13/lib/libnvblas.so.13",
                "nvidia/cudnn/lib/libcudnn.so.9",
                "nvidia/cudnn/lib/libcudnn_ops.so.9",
                "nvidia/cudnn/include/cudnn.h",
            ],
        );
        let found = libraries(&library);
        let names: Vec<_> = found.iter().map(|file| file.file_name().unwrap()).collect();
        let expected = ["libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcudnn.so.9"];
        assert_eq!(names, expected);
        assert!(!load(&library), "empty files are no libraries");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn where_there_are_no_packages_nothing_is_found() {
        for library in ["libonnxruntime.so", "/libonnxruntime.so", "/no/such/place/ort.so"] {
            assert_eq!(libraries(Path::new(library)), Vec::<PathBuf>::new());
        }
    }

    #[test]
    fn a_library_that_was_loaded_is_found_by_its_name() {
        let name = "libcudart.so.99";
        let (folder, library) = packages("soname", &["nvidia/cu99/lib/source.rs"]);
        let place = folder.join("nvidia/cu99/lib");
        let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let built = Command::new(compiler)
            .args(["--crate-type", "cdylib", "-C", "link-arg=-Wl,-soname,libcudart.so.99", "-o"])
            .args([place.join(name), place.join("source.rs")])
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        // SAFETY: the library is the empty one above.
        assert!(unsafe { Library::new(name) }.is_err());
        assert!(load(&library));
        // SAFETY: as above.
        unsafe { Library::new(name) }.unwrap();
        fs::remove_dir_all(folder).unwrap();
    }
}
