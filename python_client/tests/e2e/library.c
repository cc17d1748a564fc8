/* Loads the library's model, runs it on a file and on zeros, and makes it fail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "denoiser.h"

static uint8_t *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) exit(10);
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*length);
    if (fread(bytes, 1, *length, file) != *length) exit(11);
    fclose(file);
    return bytes;
}

static void picture(const denoiser_Model *model, const char *from, const char *to) {
    size_t length;
    uint8_t *bytes = read_file(from, &length);
    denoiser_File *made = denoiser_run_file(model, bytes, length);
    if (made == NULL) {
        fprintf(stderr, "%s\n", denoiser_error());
        exit(12);
    }
    FILE *file = fopen(to, "wb");
    fwrite(made->data, 1, made->length, file);
    fclose(file);
    denoiser_free_file(made);
    free(bytes);
}

static void tensors(const denoiser_Model *model) {
    size_t shape[4] = {1, 3, 6, 5};
    float zeros[90] = {0};
    denoiser_Tensor input = {denoiser_F32, 4, shape, zeros, sizeof zeros};
    denoiser_Results *results = denoiser_run(model, &input, denoiser_INPUTS);
    if (results == NULL) exit(13);
    const denoiser_Tensor *output = denoiser_output(results, 0);
    if (output->dtype != denoiser_F32 || output->rank != 4 || output->bytes != sizeof zeros) exit(14);
    if (memcmp(output->shape, shape, sizeof shape) != 0) exit(15);
    if (denoiser_output(results, denoiser_OUTPUTS) != NULL) exit(16);
    for (size_t i = 0; i < 90; i++) printf("%.9g\n", ((const float *)output->data)[i]);
    denoiser_free_results(results);

    shape[1] = 4;
    if (denoiser_run(model, &input, 1) != NULL) exit(17);
    fprintf(stderr, "%s\n", denoiser_error());
}

int main(int count, char **arguments) {
    if (count != 3) return 9;
    denoiser_Model *model = denoiser_load(1);
    if (model == NULL) {
        fprintf(stderr, "%s\n", denoiser_error());
        return 8;
    }
    picture(model, arguments[1], arguments[2]);
    tensors(model);
    denoiser_free(model);
    denoiser_free(NULL);
    return 0;
}
