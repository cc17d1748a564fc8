
    /// Runs the model on the content of a picture's file and gives @{result_words}.
    fn run_file<'py>(&self, py: Python<'py>, file: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let made = py.detach(|| self.session.predict_file(file)).map_err(|e| told(&e))?;
        result(py, &made)
    }
