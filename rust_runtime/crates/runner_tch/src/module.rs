//! A TorchScript module and the settings that a run of it needs.

use runner_core::Tensor;
use tch::{Device, TchError};

use crate::{script::Script, tensor, tf32};

/// Settings of LibTorch that hold for one run on the calling thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) threads: i32,
    pub(crate) optimize: bool,
    pub(crate) on_cuda: bool,
}

/// A loaded module, in evaluation mode.
pub(crate) struct Module {
    pub(crate) script: Script,
    pub(crate) device: Device,
    pub(crate) settings: Settings,
}

impl Module {
    /// Runs on inputs in the order of `forward`'s arguments.
    ///
    /// # Errors
    /// LibTorch's reason, in one line.
    pub(crate) fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<tch::Tensor>, String> {
        let _scope = Scope::enter(self.settings);
        let place = |input| tensor::into_torch(input, self.device);
        let given: Vec<_> =
            inputs.into_iter().map(place).collect::<Result<_, _>>().map_err(|e| reason(&e))?;
        self.script.forward(&given).map_err(|text| line(&text))
    }

    /// Runs on zeros of a shape.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn run_on_zeros(&self, shape: &[usize]) -> Result<Vec<tch::Tensor>, String> {
        let _scope = Scope::enter(self.settings);
        let zeros = tensor::zeros(shape)
            .and_then(|zeros| zeros.f_to_device_(self.device, tch::Kind::Float, false, false));
        let zeros = zeros.map_err(|error| reason(&error))?;
        self.script.forward(&[zeros]).map_err(|text| line(&text))
    }
}

/// [`line`] of an error.
pub(crate) fn reason(error: &TchError) -> String {
    match error {
        TchError::Torch(text) => line(text),
        other => other.to_string(),
    }
}

/// The line of LibTorch's message that says what is wrong: the interpreter's reports end in it,
/// the others begin with it.
pub(crate) fn line(text: &str) -> String {
    let raised = |line: &&str| {
        line.split_once(": ").is_some_and(|(kind, _)| {
            kind.ends_with("Error") && kind.chars().all(char::is_alphanumeric)
        })
    };
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(raised).or_else(|| lines().next()).unwrap_or("no reason given");
    line.strip_prefix("RuntimeError: ").unwrap_or(line).to_owned()
}

/// Sets what a run needs, and puts back what was before: the thread may be another's.
struct Scope {
    threads: i32,
    settings: Settings,
    _no_grad: tch::NoGradGuard,
    _single_precision: Option<tf32::Forbidden>,
}

impl Scope {
    fn enter(settings: Settings) -> Self {
        let threads = tch::get_num_threads();
        let scope = Self {
            threads,
            settings,
            _no_grad: tch::no_grad_guard(),
            _single_precision: settings.on_cuda.then(tf32::Forbidden::enter),
        };
        if scope.changes_threads() {
            tch::set_num_threads(settings.threads);
        }
        if !settings.optimize {
            tch::jit::set_graph_executor_optimize(false);
        }
        scope
    }

    fn changes_threads(&self) -> bool {
        self.threads != self.settings.threads
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if self.changes_threads() {
            tch::set_num_threads(self.threads);
        }
        if !self.settings.optimize {
            tch::jit::set_graph_executor_optimize(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_says_what_is_wrong_is_found() {
        let interpreter = "The following operation failed in the TorchScript interpreter.\n\
                           Traceback of TorchScript, serialized code (most recent call last):\n\
                           \x20 File \"code/m.py\", line 4\n    return x\n           ~ <--- HERE\n\
                           RuntimeError: mat1 and mat2 shapes cannot be multiplied\n";
        assert_eq!(line(interpreter), "mat1 and mat2 shapes cannot be multiplied");
        let plain = "\nUnknown builtin op: a::b.\nException raised from x at y (most recent):\n";
        assert_eq!(line(plain), "Unknown builtin op: a::b.");
        assert_eq!(line(""), "no reason given");
    }

    #[test]
    fn a_run_leaves_the_thread_as_it_was() {
        let before = tch::get_num_threads();
        let settings = Settings { threads: before + 1, optimize: false, on_cuda: false };
        let scope = Scope::enter(settings);
        assert_eq!(tch::get_num_threads(), before + 1);
        drop(scope);
        assert_eq!(tch::get_num_threads(), before);
    }
}
