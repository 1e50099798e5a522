/* Numbers as files hold them, and what becomes of them: bytes stay bytes, all others are delivered as float32. */
#ifndef FLR_DATASETS_ELEMENT_H
#define FLR_DATASETS_ELEMENT_H

#include <stddef.h>
#include <stdint.h>

/* name, bytes, text */
#define FLR_ELEMENT_LIST(X)        \
  X(FLR_ELEMENT_U8, 1, "uint8")    \
  X(FLR_ELEMENT_I8, 1, "int8")     \
  X(FLR_ELEMENT_U16, 2, "uint16")  \
  X(FLR_ELEMENT_I16, 2, "int16")   \
  X(FLR_ELEMENT_U32, 4, "uint32")  \
  X(FLR_ELEMENT_I32, 4, "int32")   \
  X(FLR_ELEMENT_U64, 8, "uint64")  \
  X(FLR_ELEMENT_I64, 8, "int64")   \
  X(FLR_ELEMENT_F16, 2, "float16") \
  X(FLR_ELEMENT_F32, 4, "float32") \
  X(FLR_ELEMENT_F64, 8, "float64")

typedef enum flr_element_kind {
#define FLR_ELEMENT_ENUM(name, bytes, text) name,
  FLR_ELEMENT_LIST(FLR_ELEMENT_ENUM)
#undef FLR_ELEMENT_ENUM
      FLR_ELEMENT_KINDS
} flr_element_kind;

typedef struct flr_element {
  flr_element_kind kind;
  int swapped; /* 1: in the other byte order than this machine's */
} flr_element;

/* Bytes of one. Pure. */
size_t flr_element_bytes(flr_element element);
/* "int16", "big-endian int16" where it is swapped. Pure. */
const char *flr_element_name(flr_element element);

/* 1: they are float32 as they lie in the file. */
static inline int flr_element_is_f32(flr_element e) { return e.kind == FLR_ELEMENT_F32 && !e.swapped; }

/* Turns n elements into out[0], out[stride], ..: the nearest float32 (infinite where it is beyond float32). `in` need not be
   aligned and is changed where it is swapped. The same on every processor. Pure. */
void flr_element_convert(flr_element element, void *in, int64_t n, float *out, int64_t stride);

/* Where the first of n values lies that is not in least..most (one that is no number never is), n when all are. Pure. */
int64_t flr_first_outside(const float *values, int64_t n, float least, float most);

#endif
