use js_sys::Uint8Array;
use wasm_bindgen::prelude::wasm_bindgen;

/// A model's file, put together in our memory while it is downloaded.
#[wasm_bindgen]
pub struct ModelFile {
    pub(super) bytes: Vec<u8>,
}

#[wasm_bindgen]
impl ModelFile {
    /// Room for a file of this many bytes; one that turns out longer takes more time.
    #[wasm_bindgen(constructor)]
    pub fn new(length: u32) -> Self {
        Self { bytes: Vec::with_capacity(length as usize) }
    }

    /// Adds the next bytes.
    pub fn push(&mut self, bytes: &Uint8Array) {
        let length = bytes.length() as usize;
        self.bytes.reserve(length);
        bytes.copy_to_uninit(&mut self.bytes.spare_capacity_mut()[..length]);
        // SAFETY: that many bytes were written behind those that were there.
        unsafe { self.bytes.set_len(self.bytes.len() + length) };
    }
}
