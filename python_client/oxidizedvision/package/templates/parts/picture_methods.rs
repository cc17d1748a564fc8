
    /// Runs the model on a picture of any size that it takes and gives @{result_words}.
    ///
    /// # Errors
    /// [`Error`] of kind `input` or `shape_mismatch` for a picture that the model does not take, and
    /// those of [`Self::run`].
    pub fn run_picture(&self, picture: Picture) -> Result<@{result}, Error> {
        let made = FromPrediction::from_prediction(self.session.predict(picture)?);
        made.ok_or_else(|| Error::new("internal", "the result is of another kind"))
    }

    /// [`Self::run_picture`] on the content of a PNG, JPEG, WebP or BMP file.
    ///
    /// # Errors
    /// Those of [`decode`] and of [`Self::run_picture`].
    pub fn run_file(&self, file: &[u8]) -> Result<@{result}, Error> {
        self.run_picture(decode(file)?)
    }
