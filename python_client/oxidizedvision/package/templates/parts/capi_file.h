/*
 Runs the model on the content of a PNG, JPEG, WebP or BMP file and gives
 @{result_words}: pictures and masks as a PNG file, everything else as JSON.
 It is freed with `@{lib}_free_file`.

 # Safety
 `model` comes from `@{lib}_load`, `file` is good for `length` bytes.
 */
struct @{lib}_File *@{lib}_run_file(const struct @{lib}_Model *model, const uint8_t *file, size_t length);

/*
 Frees a file; null is nothing to free.

 # Safety
 `file` comes from `@{lib}_run_file` and is not used again.
 */
void @{lib}_free_file(struct @{lib}_File *file);

