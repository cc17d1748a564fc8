
/// Runs the model on the content of a PNG, JPEG, WebP or BMP file and gives
/// @{result_words}: pictures and masks as a PNG file, everything else as JSON.
/// It is freed with `@{lib}_free_file`.
///
/// # Safety
/// `model` comes from `@{lib}_load`, `file` is good for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn @{lib}_run_file(
    model: *const Model,
    file: *const u8,
    length: usize,
) -> *mut File {
    // SAFETY: the caller's promise.
    unsafe { c::run_file(model, file, length) }
}

/// Frees a file; null is nothing to free.
///
/// # Safety
/// `file` comes from `@{lib}_run_file` and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn @{lib}_free_file(file: *mut File) {
    // SAFETY: the caller's promise.
    unsafe { c::free_file(file) }
}
