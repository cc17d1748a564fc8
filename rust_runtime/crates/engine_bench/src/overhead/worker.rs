//! A process of its own for one engine and one layer, told what to do line by line.

use std::{
    io::{BufRead, Write},
    path::Path,
};

use super::{
    calls::Side,
    memory,
    protocol::{Answer, Request},
    subject::{Layer, Specimen, Subject},
};

/// The models of one engine, one at a time.
struct Worker {
    engine: String,
    layer: Layer,
    specimen: Option<Specimen>,
    subject: Option<Subject>,
}

/// Answers requests until there are no more.
///
/// # Errors
/// When the lines cannot be read or written.
pub fn serve(
    engine: &str,
    layer: Layer,
    requests: impl BufRead,
    mut answers: impl Write,
) -> std::io::Result<()> {
    let mut worker = Worker { engine: engine.to_owned(), layer, specimen: None, subject: None };
    for line in requests.lines() {
        let answer = line?.parse().and_then(|request| worker.answer(request));
        let answer = answer.unwrap_or_else(Answer::Error);
        serde_json::to_writer(&mut answers, &answer)?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
    Ok(())
}

impl Worker {
    fn answer(&mut self, request: Request) -> Result<Answer, String> {
        match request {
            Request::Load(path) => {
                self.subject = None;
                self.subject = Some(self.load(&path)?);
                Ok(Answer::Done(true))
            }
            Request::Values => self.loaded()?.values().map(Answer::Values),
            Request::Time(count) => self.loaded()?.time(count).map(Answer::Times),
            Request::Repeat(count) => {
                let subject = self.loaded()?;
                (0..count).try_for_each(|_| subject.run().map(drop))?;
                Ok(Answer::Done(true))
            }
            Request::Cycle(count, path) => {
                self.subject = None;
                (0..count).try_for_each(|_| self.load(&path)?.run().map(drop))?;
                Ok(Answer::Done(true))
            }
            Request::Resident => memory::resident().map(Answer::Bytes),
        }
    }

    /// Loads by what was learnt of the model the first time, so that a bare load stays bare.
    fn load(&mut self, path: &Path) -> Result<Subject, String> {
        let known = self.specimen.take().filter(|specimen| specimen.path == path);
        let specimen = known.map_or_else(|| Specimen::new(&self.engine, path), Ok)?;
        Subject::load(&self.engine, self.layer, self.specimen.insert(specimen))
    }

    fn loaded(&mut self) -> Result<&mut Subject, String> {
        self.subject.as_mut().ok_or_else(|| "no model is loaded: say load first".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overhead::subject::agreement;

    const TINY: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/models/residual.onnx");

    fn answers(layer: Layer, requests: &str) -> Vec<Answer> {
        let mut written = Vec::new();
        serve("rten", layer, requests.as_bytes(), &mut written).unwrap();
        let text = String::from_utf8(written).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn values(layer: Layer) -> Vec<f32> {
        match answers(layer, &format!("load {TINY}\nvalues\n")).pop() {
            Some(Answer::Values(values)) => values,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_layers_run_the_same() {
        let bare = values(Layer::Bare);
        assert!(bare.iter().any(|value| value.abs() > 0.01), "{bare:?}");
        assert!(agreement(&bare, &values(Layer::Ours)).unwrap().abs() < f64::EPSILON);
    }

    #[test]
    fn every_request_has_its_answer() {
        let requests = format!("load {TINY}\ntime 4\nrepeat 3\ncycle 2 {TINY}\nresident\n");
        for layer in [Layer::Bare, Layer::Ours] {
            let answers = answers(layer, &requests);
            assert!(matches!(&answers[1], Answer::Times(times) if times.each.len() == 4));
            assert!(matches!(answers[4], Answer::Bytes(bytes) if bytes > 1 << 20));
            let done = [&answers[0], &answers[2], &answers[3]];
            assert!(done.iter().all(|answer| **answer == Answer::Done(true)), "{answers:?}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_an_answer_and_the_worker_goes_on() {
        let answers = answers(Layer::Ours, &format!("time 4\nload no.onnx\njump\nload {TINY}\n"));
        let reason = |index: usize| match &answers[index] {
            Answer::Error(reason) => reason.clone(),
            other => panic!("{other:?}"),
        };
        assert!(reason(0).contains("no model is loaded"));
        assert!(reason(1).contains("no.onnx"), "{}", reason(1));
        assert!(reason(2).contains("jump"));
        assert_eq!(answers[3], Answer::Done(true));
    }
}
