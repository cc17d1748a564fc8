use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Instant,
};

use runner_core::{DType, NamedTensors};
use serde_json::{Value, json};
use vision_io::{Picture, decode};
use vision_model::{Answer, Want, Way};

use crate::{
    Arguments, Fault, Setup,
    arguments::named,
    benchmark, files, folder, npy,
    output::{print, say},
    results::{self, Output},
    session::{Session, milliseconds},
};

/// Of every document that a program prints.
pub const SCHEMA_VERSION: u32 = 1;

/// Does what the command line asks for, with the answer on standard output; gives what went wrong
/// although there was an answer.
pub(crate) fn run(setup: &Setup<'_>, arguments: &Arguments) -> Result<Option<Fault>, Fault> {
    if arguments.benchmark_session {
        return benchmark::serve(setup, arguments).map(|()| None);
    }
    let (text, fault) = answer(setup, arguments)?;
    print(&text)?;
    Ok(fault)
}

/// What is printed, and what went wrong although there is something to print.
fn answer(setup: &Setup<'_>, arguments: &Arguments) -> Result<(String, Option<Fault>), Fault> {
    let start = Instant::now();
    if arguments.info {
        return Ok((info(setup, arguments)?, None));
    }
    if let Some(iterations) = arguments.benchmark {
        let mut session = Session::load(setup, arguments)?;
        return Ok((benchmark::answer(&mut session, iterations, arguments)?, None));
    }
    if arguments.inputs().is_empty() || arguments.outputs().is_empty() {
        let hint = format!("Try `{} photo.png result.png`, or --help.", setup.name);
        return Err(Fault::usage("an input and an output are needed").with_hint(hint));
    }
    if let Some(folder) = folder::of(arguments) {
        return folder::answer(&mut Session::load(setup, arguments)?, arguments, &folder);
    }
    for output in arguments.outputs() {
        results::check_ending(Path::new(&output))?;
    }
    let done = one(&mut Session::load(setup, arguments)?, arguments, start)?;
    let text = if arguments.json { pretty(&done.document) } else { done.summary };
    Ok((text, None))
}

/// A run, as a document and as a line.
pub(crate) struct Done {
    pub(crate) document: Value,
    summary: String,
}

/// One run on the inputs that `arguments` name.
pub(crate) fn one(
    session: &mut Session,
    arguments: &Arguments,
    start: Instant,
) -> Result<Done, Fault> {
    session.run_times.clear();
    let outputs = outputs(session, &arguments.outputs())?;
    check_keeps_inputs(session, arguments, &outputs)?;
    let (inputs_done, answer, way) = run_model(session, arguments, &outputs)?;
    let outputs_done = write_all(session, answer, &outputs)?;
    let note = way.as_ref().and_then(Way::note);
    if let Some(note) = &note {
        say(format_args!("note: {note}"));
    }
    let notes: Vec<_> = session.warning.iter().chain(&note).collect();
    let info = session.info();
    let document = json!({
        "schema_version": SCHEMA_VERSION,
        "model": info.model,
        "backend": info.backend,
        "backend_version": info.backend_version,
        "threads": info.threads,
        "inputs": inputs_done,
        "outputs": outputs_done,
        "picture": way,
        "notes": notes,
        "load_ms": milliseconds(session.load_time),
        "run_ms": milliseconds(session.run_times.iter().sum()),
        "total_ms": milliseconds(start.elapsed()),
    });
    Ok(Done { document, summary: summary(session, &outputs, way.as_ref()) })
}

fn info(setup: &Setup<'_>, arguments: &Arguments) -> Result<String, Fault> {
    let session = Session::load(setup, arguments)?;
    Ok(pretty(&json!({
        "schema_version": SCHEMA_VERSION,
        "name": setup.name,
        "version": setup.version,
        "model_sha256": session.model_sha256(),
        "model": session.info(),
        "contract": session.contract(),
    })))
}

fn summary(session: &Session, outputs: &[Output], way: Option<&Way>) -> String {
    let files: Vec<String> =
        outputs.iter().map(|output| output.path.display().to_string()).collect();
    let tiles = match way {
        Some(Way::Tiled { tiles, .. }) if *tiles > 1 => format!(" in {tiles} tiles"),
        _ => String::new(),
    };
    let time = milliseconds(session.run_times.iter().sum());
    format!("wrote {} ({} took {time:.0} ms{tiles})", files.join(", "), session.info().backend)
}

/// A document as it is printed.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

fn outputs(session: &Session, given: &[OsString]) -> Result<Vec<Output>, Fault> {
    let specs = &session.info().outputs;
    let mut outputs: Vec<Output> = Vec::new();
    for text in given {
        let output = if results::is_of_all_outputs(session, Path::new(text)) {
            Output { tensor: None, path: PathBuf::from(text) }
        } else {
            let (spec, path) = named(text, specs, "output")?;
            Output { tensor: Some(spec.name.clone()), path: PathBuf::from(path) }
        };
        results::check_ending(&output.path)?;
        results::check_kind(session, &output.path)?;
        files::check_writable(&output.path)?;
        if outputs.iter().any(|other| other.path == output.path) {
            let message = format!("{} is named for two outputs", output.path.display());
            return Err(Fault::usage(message));
        }
        outputs.push(output);
    }
    Ok(outputs)
}

/// Refuses a result that would take the place of an input.
fn check_keeps_inputs(
    session: &Session,
    arguments: &Arguments,
    outputs: &[Output],
) -> Result<(), Fault> {
    for Input { path, .. } in inputs(session, arguments)? {
        if let Some(output) = outputs.iter().find(|output| files::is_same(&output.path, &path)) {
            let message = format!("the result {} would replace an input", output.path.display());
            return Err(Fault::usage(message).with_hint("Name another file for the result."));
        }
    }
    Ok(())
}

/// An input of the model, and the file that it is read from.
pub(crate) struct Input {
    name: String,
    dtype: DType,
    path: PathBuf,
}

/// The inputs that are named.
pub(crate) fn inputs(session: &Session, arguments: &Arguments) -> Result<Vec<Input>, Fault> {
    let specs = &session.info().inputs;
    let input = |text| {
        let (spec, path) = named(text, specs, "input")?;
        Ok(Input { name: spec.name.clone(), dtype: spec.dtype, path: path.into() })
    };
    arguments.inputs().iter().map(input).collect()
}

/// Reads the inputs and runs the model: what was read, what came out, how a picture went through.
fn run_model(
    session: &mut Session,
    arguments: &Arguments,
    outputs: &[Output],
) -> Result<(Vec<Value>, Answer, Option<Way>), Fault> {
    let inputs = inputs(session, arguments)?;
    if let [Input { name, path, .. }] = &inputs[..]
        && !files::is_npy(path)
    {
        let picture = read_picture(path)?;
        let done = json!({
            "name": name, "file": path.display().to_string(),
            "width": picture.width(), "height": picture.height(),
        });
        let as_result = outputs.iter().any(|output| !files::is_npy(&output.path));
        let want = if as_result { Want::Prediction } else { Want::Tensors };
        if as_result && outputs.len() > 1 {
            let message = "a picture is the only output of a run that gives one";
            return Err(Fault::usage(message).with_hint("Run again for the other outputs."));
        }
        let (answer, way) = session.run_picture(picture, (want, arguments.tile))?;
        return Ok((vec![done], answer, Some(way)));
    }
    if arguments.tile.is_some() {
        return Err(Fault::usage("--tile is for pictures; tensors go through whole"));
    }
    let tensors = read_tensors(&inputs)?;
    let done = tensors.iter().zip(&inputs).map(|((name, tensor), input)| {
        json!({"name": name, "file": input.path.display().to_string(), "shape": tensor.shape()})
    });
    let done = done.collect();
    let shape = tensors.first().map(|(_, tensor)| tensor.shape()).unwrap_or_default();
    let placement = results::placement_of_input(session, shape);
    Ok((done, Answer::Tensors(session.run_named(tensors)?, placement), None))
}

pub(crate) fn read_tensors(inputs: &[Input]) -> Result<NamedTensors, Fault> {
    inputs
        .iter()
        .map(|Input { name, dtype, path }| {
            if !files::is_npy(path) {
                let message = format!("{} is not a .npy file", path.display());
                return Err(Fault::bad(message).with_hint("Give every input as a .npy file."));
            }
            Ok((name.clone(), npy::read(path, *dtype)?))
        })
        .collect()
}

fn read_picture(path: &Path) -> Result<Picture, Fault> {
    let bytes = files::read(path)?;
    decode(&bytes).map_err(|error| Fault::from(error).about(path.display()))
}

fn write_all(session: &Session, answer: Answer, outputs: &[Output]) -> Result<Vec<Value>, Fault> {
    let (tensors, placement) = match (answer, outputs) {
        (Answer::Prediction(prediction), [output]) => {
            return results::write(&prediction, output).map(|done| vec![done]);
        }
        (Answer::Prediction(_), _) => return Err(Fault::bad("a picture goes to one file only")),
        (Answer::Tensors(tensors, placement), _) => (tensors, placement),
    };
    let mut done = Vec::new();
    for output in outputs {
        done.push(if files::is_npy(&output.path) {
            write_tensor(&tensors, output)?
        } else {
            let prediction = results::of_tensors(session, &tensors, &placement, output)?;
            results::write(&prediction, output)?
        });
    }
    Ok(done)
}

fn write_tensor(tensors: &NamedTensors, output: &Output) -> Result<Value, Fault> {
    let name = output.tensor.as_deref().unwrap_or_default();
    let Some((_, tensor)) = tensors.iter().find(|(own, _)| own == name) else {
        return Err(Fault::bad(format!("the model gave no output {name:?}")));
    };
    npy::write(&output.path, tensor)?;
    let file = output.path.display().to_string();
    Ok(json!({"name": name, "file": file, "shape": tensor.shape()}))
}
