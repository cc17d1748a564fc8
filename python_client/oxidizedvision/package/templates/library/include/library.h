/* The model @{name} as a library for C. Written by cbindgen from src/capi.rs. */

#ifndef @{guard}
#define @{guard}

#include <stddef.h>
#include <stdint.h>

/*
 Number of inputs.
 */
#define @{lib}_INPUTS @{inputs}

/*
 Number of outputs.
 */
#define @{lib}_OUTPUTS @{outputs}

/*
 IEEE 754 single precision.
 */
#define @{lib}_F32 0

/*
 IEEE 754 half precision.
 */
#define @{lib}_F16 1

/*
 IEEE 754 double precision.
 */
#define @{lib}_F64 2

/*
 Signed 8-bit integer.
 */
#define @{lib}_I8 3

/*
 Unsigned 8-bit integer.
 */
#define @{lib}_U8 4

/*
 Signed 32-bit integer.
 */
#define @{lib}_I32 5

/*
 Signed 64-bit integer.
 */
#define @{lib}_I64 6

/*
 One byte a value, 0 or 1.
 */
#define @{lib}_BOOL 7

/*
 The loaded model. Several threads may run it at the same time.
 */
typedef struct @{lib}_Model @{lib}_Model;

/*
 What a run gave, in the model's order.
 */
typedef struct @{lib}_Results @{lib}_Results;

/*
 A tensor: row by row, in the machine's order of bytes.
 */
typedef struct @{lib}_Tensor {
  /*
   The element type, one of the constants.
   */
  uint32_t dtype;
  /*
   How many axes it has.
   */
  size_t rank;
  /*
   The length of every axis.
   */
  const size_t *shape;
  /*
   The elements; a boolean is one byte, 0 or 1.
   */
  const void *data;
  /*
   Bytes of all elements.
   */
  size_t bytes;
} @{lib}_Tensor;

@{header_file_type}#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 Loads the model on the processor, with so many threads for a run; 0 leaves the number to the
 library. It is freed with `@{lib}_free`.
 */
struct @{lib}_Model *@{lib}_load(size_t threads);

/*
 Runs the model on `count` inputs, which are copied. What comes back is freed with
 `@{lib}_free_results`.

 # Safety
 `model` comes from `@{lib}_load`. `inputs` points to `count` tensors, whose pointers are good
 for the lengths and bytes that they tell.
 */
struct @{lib}_Results *@{lib}_run(const struct @{lib}_Model *model, const struct @{lib}_Tensor *inputs, size_t count);

/*
 An output by its place, good until `@{lib}_free_results`; null where there are not as many.

 # Safety
 `results` comes from `@{lib}_run` and was not freed.
 */
const struct @{lib}_Tensor *@{lib}_output(const struct @{lib}_Results *results, size_t index);

@{header_file}/*
 What failed last on this thread, as `kind: message`; good until the next failure on it.
 */
const char *@{lib}_error(void);

/*
 Frees a model; null is nothing to free.

 # Safety
 `model` comes from `@{lib}_load` and is not used again.
 */
void @{lib}_free(struct @{lib}_Model *model);

/*
 Frees what a run gave; null is nothing to free.

 # Safety
 `results` comes from `@{lib}_run` and is not used again.
 */
void @{lib}_free_results(struct @{lib}_Results *results);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* @{guard} */
