//! A folder of inputs, each of which becomes a file of a folder of results.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::{Value, json};
use vision_io::Postprocess;

use crate::{Arguments, Exit, Fault, files, job, output::say, session::Session};

const PICTURES: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];

/// How many of those that are left out are named.
const SKIPPED_SHOWN: usize = 5;

/// An input and the file that its result goes to.
struct Task {
    input: PathBuf,
    output: PathBuf,
}

/// The folder that is the one input, if it is one.
pub(crate) fn of(arguments: &Arguments) -> Option<PathBuf> {
    match &arguments.inputs()[..] {
        [one] if Path::new(one).is_dir() => Some(PathBuf::from(one)),
        _ => None,
    }
}

/// Runs the model on every input of a folder. One that fails does not stop the others: what was
/// done is told all the same, and the fault says how many failed.
pub(crate) fn answer(
    session: &mut Session,
    arguments: &Arguments,
    folder: &Path,
) -> Result<(String, Option<Fault>), Fault> {
    let start = Instant::now();
    let outputs = arguments.outputs();
    let [output] = &outputs[..] else {
        return Err(Fault::usage("a folder of inputs has one folder of results")
            .with_hint("Give INPUT and OUTPUT, both folders."));
    };
    let output = Path::new(output);
    let (tasks, skipped) = tasks(session, folder, output)?;
    make(output)?;
    tell_of_skipped(&skipped);
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for task in &tasks {
        let one = Arguments {
            input_file: Some(task.input.clone().into()),
            output_file: Some(task.output.clone().into()),
            input: Vec::new(),
            output: Vec::new(),
            ..arguments.clone()
        };
        rows.push(match job::one(session, &one, Instant::now()) {
            Ok(done) => done.document,
            Err(fault) => {
                failed.push(fault.exit());
                let input = task.input.display().to_string();
                let about =
                    if fault.to_string().contains(&input) { String::new() } else { input + ": " };
                say(format_args!("error: {about}{}", crate::fault::one_line(&fault.to_string())));
                json!({"input": task.input.display().to_string(), "error": fault.to_json()})
            }
        });
    }
    let done = tasks.len() - failed.len();
    let text = if arguments.json {
        job::pretty(&document(session, &rows, &skipped, start))
    } else {
        format!("wrote {done} of {} results into {}", tasks.len(), output.display())
    };
    Ok((text, fault_of(&failed, tasks.len())))
}

/// Tells how many inputs failed. Where none could be written, that and no input is at fault.
fn fault_of(failed: &[Exit], of: usize) -> Option<Fault> {
    let unwritten = failed.iter().all(|exit| *exit == Exit::FileSystem);
    let exit = if unwritten { Exit::FileSystem } else { Exit::BadInput };
    (!failed.is_empty()).then(|| {
        Fault::new(exit, format!("{} of {of} inputs failed", failed.len()))
            .with_hint("The lines above say why; the other results are written.")
    })
}

/// Names what is left out, the first few of many.
fn tell_of_skipped(skipped: &[PathBuf]) {
    let names =
        skipped.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy());
    let shown: Vec<_> = names.take(SKIPPED_SHOWN).collect();
    if !shown.is_empty() {
        let more = skipped.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        say(format_args!(
            "note: left out what is no picture and no tensor: {}{more}",
            shown.join(", ")
        ));
    }
}

fn document(session: &Session, rows: &[Value], skipped: &[PathBuf], start: Instant) -> Value {
    let names: Vec<String> = skipped.iter().map(|path| path.display().to_string()).collect();
    json!({
        "schema_version": job::SCHEMA_VERSION,
        "model": session.info().model,
        "results": rows,
        "skipped": names,
        "total_ms": crate::session::milliseconds(start.elapsed()),
    })
}

/// Inputs sorted by name with their results, and what is no input.
fn tasks(
    session: &Session,
    folder: &Path,
    output: &Path,
) -> Result<(Vec<Task>, Vec<PathBuf>), Fault> {
    let failed = |error: std::io::Error| {
        Fault::new(Exit::FileSystem, format!("{}: {error}", folder.display()))
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    let (inputs, skipped): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|path| path.is_file() && is_input(path));
    if inputs.is_empty() {
        let message = format!("the folder {} holds no picture and no .npy file", folder.display());
        return Err(
            Fault::bad(message).with_hint("Inputs end in .png, .jpg, .jpeg, .webp, .bmp or .npy.")
        );
    }
    let mut taken: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut tasks = Vec::new();
    for input in inputs {
        let name = input.file_stem().unwrap_or_default();
        let mut file = name.to_os_string();
        file.push(format!(".{}", ending(session, &input)));
        let result = output.join(file);
        if let Some(other) = taken.insert(result.clone(), input.clone()) {
            let (a, b) = (other.display(), input.display());
            let message = format!("{a} and {b} would both become {}", result.display());
            return Err(Fault::usage(message).with_hint("Rename one of them."));
        }
        tasks.push(Task { input, output: result });
    }
    let is_an_input = |file: &Path| tasks.iter().any(|task| files::is_same(file, &task.input));
    if let Some(task) = tasks.iter().find(|task| is_an_input(&task.output)) {
        let message = format!("the result {} would replace an input", task.output.display());
        return Err(Fault::usage(message).with_hint("Name another folder for the results."));
    }
    Ok((tasks, skipped))
}

fn is_input(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    files::is_npy(path) || ending.is_some_and(|ending| PICTURES.contains(&ending.as_str()))
}

/// What the result of an input ends in.
fn ending(session: &Session, input: &Path) -> String {
    if files::is_npy(input) {
        return "npy".to_owned();
    }
    let own = input.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match &session.contract().postprocess {
        None | Some(Postprocess::Raw(_)) => "npy".to_owned(),
        Some(Postprocess::Image(_)) if own == "bmp" => "png".to_owned(),
        Some(Postprocess::Image(_)) => own,
        Some(Postprocess::Segmentation(_)) => "png".to_owned(),
        Some(_) => "json".to_owned(),
    }
}

fn make(folder: &Path) -> Result<(), Fault> {
    let is_of_file = files::is_npy(folder) || files::is_json(folder) || is_input(folder);
    if is_of_file && !folder.is_dir() {
        let message = format!("{} is the name of a file, and a folder is needed", folder.display());
        return Err(Fault::usage(message).with_hint("Name a folder for the results."));
    }
    fs::create_dir_all(folder).map_err(|error| {
        Fault::new(Exit::FileSystem, format!("{} cannot be made: {error}", folder.display()))
            .with_hint("Name a folder for the results.")
    })
}
