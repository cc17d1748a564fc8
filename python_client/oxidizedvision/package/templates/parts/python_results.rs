
/// A picture as height x width x channels of `uint8`, a mask as height x width of `uint16`, classes and
/// boxes as a list of dictionaries.
fn result<'py>(py: Python<'py>, made: &Prediction) -> PyResult<Bound<'py, PyAny>> {
    let list = |name: &str| {
        let text = file_of(made).map_err(|error| told(&error))?;
        py.import("json")?.call_method1("loads", (text,))?.get_item(name)
    };
    let fits = |_| ModelError::new_err("internal: the result has another size than it says");
    match made {
        Prediction::Image(picture) => {
            let shape = vec![picture.height(), picture.width(), picture.channels()];
            let array = ArrayD::from_shape_vec(shape, picture.pixels().to_vec()).map_err(fits)?;
            Ok(array.into_pyarray(py).into_any())
        }
        Prediction::Segmentation(mask) => {
            let shape = vec![mask.height, mask.width];
            let array = ArrayD::from_shape_vec(shape, mask.ids.clone()).map_err(fits)?;
            Ok(array.into_pyarray(py).into_any())
        }
        Prediction::Classification(_) => list("classes"),
        Prediction::Detection(_) => list("detections"),
    }
}
