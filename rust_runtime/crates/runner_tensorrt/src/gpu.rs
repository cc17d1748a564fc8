use std::{fs, path::Path};

/// A GPU of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gpu {
    pub(crate) name: String,
    pub(crate) uuid: String,
}

/// Reads `nvidia-smi -L`: `GPU 0: NVIDIA A10 (UUID: GPU-…)`, one line each, partitions indented.
pub(crate) fn listed(answer: &str) -> Vec<Gpu> {
    answer.lines().filter_map(listed_one).collect()
}

fn listed_one(line: &str) -> Option<Gpu> {
    let (index, rest) = line.strip_prefix("GPU ")?.split_once(": ")?;
    index.parse::<u32>().ok()?;
    let (name, uuid) = rest.rsplit_once(" (UUID: ")?;
    Some(Gpu { name: name.to_owned(), uuid: uuid.trim_end().trim_end_matches(')').to_owned() })
}

/// Reads the driver's own list, for machines without `nvidia-smi`.
pub(crate) fn from_driver(folder: &Path) -> Vec<Gpu> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    // The folders are named by place on the PCI bus, the order that CUDA is asked to keep.
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    let text = |folder: &std::path::PathBuf| fs::read_to_string(folder.join("information")).ok();
    folders.iter().filter_map(text).filter_map(|text| described(&text)).collect()
}

fn described(information: &str) -> Option<Gpu> {
    let value = |key: &str| {
        information
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .map(|rest| rest.trim().to_owned())
    };
    Some(Gpu { name: value("Model:")?, uuid: value("GPU UUID:")? })
}

/// The GPUs that `CUDA_VISIBLE_DEVICES` leaves, in its order; the first unknown entry ends the
/// list, as CUDA does it.
pub(crate) fn visible(gpus: &[Gpu], setting: Option<&str>) -> Vec<Gpu> {
    let Some(setting) = setting else {
        return gpus.to_vec();
    };
    let find = |entry: &str| match entry.parse::<usize>() {
        Ok(index) => gpus.get(index),
        Err(_) if entry.is_empty() => None,
        Err(_) => gpus.iter().find(|gpu| gpu.uuid.starts_with(entry)),
    };
    setting.split(',').map_while(|entry| find(entry.trim())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "GPU 0: NVIDIA A10 (UUID: GPU-aa)\n  MIG 1g.5gb Device 0: (UUID: MIG-x)\n\
                       GPU 1: NVIDIA H100 80GB HBM3 (rev) (UUID: GPU-bb)\n";

    fn uuids(setting: Option<&str>) -> Vec<String> {
        visible(&listed(TWO), setting).into_iter().map(|gpu| gpu.uuid).collect()
    }

    #[test]
    fn gpus_are_listed_and_other_lines_are_not() {
        let gpus = listed(TWO);
        assert_eq!(gpus[1].name, "NVIDIA H100 80GB HBM3 (rev)");
        assert_eq!(uuids(None), ["GPU-aa", "GPU-bb"]);
        assert!(listed("NVIDIA-SMI has failed because it couldn't communicate").is_empty());
        assert!(listed("No devices found.").is_empty());
    }

    #[test]
    fn visible_devices_are_those_that_cuda_leaves() {
        assert_eq!(uuids(Some("1,0")), ["GPU-bb", "GPU-aa"]);
        assert_eq!(uuids(Some("GPU-b")), ["GPU-bb"]);
        for (setting, left) in [("", 0), ("-1", 0), ("1,7,0", 1), ("NoDevFiles", 0)] {
            assert_eq!(uuids(Some(setting)).len(), left, "{setting}");
        }
    }

    #[test]
    fn the_drivers_list_stands_in_for_nvidia_smi() {
        let folder = tempfile::tempdir().unwrap();
        for (place, uuid) in [("0000:81:00.0", "GPU-b"), ("0000:01:00.0", "GPU-a")] {
            let gpu = folder.path().join(place);
            fs::create_dir(&gpu).unwrap();
            let text = format!("Model: \t\t NVIDIA A10\nIRQ:   1\nGPU UUID: \t {uuid}\n");
            fs::write(gpu.join("information"), text).unwrap();
        }
        let gpus = from_driver(folder.path());
        let found: Vec<_> = gpus.iter().map(|gpu| (&*gpu.name, &*gpu.uuid)).collect();
        assert_eq!(found, [("NVIDIA A10", "GPU-a"), ("NVIDIA A10", "GPU-b")]);
        assert!(from_driver(Path::new("no/such/folder")).is_empty());
    }
}
