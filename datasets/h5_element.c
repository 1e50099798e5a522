/* Knowing number types by their layout, whatever made them. */
#include "datasets/h5_element.h"

#include <stdio.h>

/* Another order than both cannot be. */
static int order_of(hid_t type, int *swapped) {
  const H5T_order_t order = H5Tget_order(type);
  *swapped = H5Tget_size(type) > 1 && order != H5Tget_order(H5T_NATIVE_INT32);
  return order == H5T_ORDER_LE || order == H5T_ORDER_BE || H5Tget_size(type) == 1;
}

static int find_integer(flr_element *out, hid_t type) {
  static const flr_element_kind kinds[][2] = {{FLR_ELEMENT_U8, FLR_ELEMENT_I8},
                                              {FLR_ELEMENT_U16, FLR_ELEMENT_I16},
                                              {FLR_ELEMENT_U32, FLR_ELEMENT_I32},
                                              {FLR_ELEMENT_U64, FLR_ELEMENT_I64}};
  const size_t size = H5Tget_size(type);
  const int is_signed = H5Tget_sign(type) == H5T_SGN_2;
  if (H5Tget_precision(type) != 8 * size || H5Tget_offset(type) != 0) return 0;
  for (int i = 0; i < 4; i++) {
    out->kind = kinds[i][is_signed];
    if (flr_element_bytes(*out) == size) return 1;
  }
  return 0;
}

/* IEEE 754 alone: there are other floats of two bytes. */
static int find_float(flr_element *out, hid_t type) {
  static const struct {
    flr_element_kind kind;
    size_t exponent, fraction, bias;
  } layouts[] = {{FLR_ELEMENT_F16, 5, 10, 15}, {FLR_ELEMENT_F32, 8, 23, 127}, {FLR_ELEMENT_F64, 11, 52, 1023}};
  size_t sign, exponent_at, exponent, fraction_at, fraction;
  if (H5Tget_fields(type, &sign, &exponent_at, &exponent, &fraction_at, &fraction) < 0) return 0;
  if (fraction_at != 0 || exponent_at != fraction || sign != exponent + fraction || H5Tget_norm(type) != H5T_NORM_IMPLIED)
    return 0;
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
    out->kind = layouts[i].kind;
    if (exponent == layouts[i].exponent && fraction == layouts[i].fraction && H5Tget_ebias(type) == layouts[i].bias)
      return flr_element_bytes(*out) == H5Tget_size(type);
  }
  return 0;
}

int flr_h5_element_find(flr_element *out, hid_t type) {
  const H5T_class_t class = H5Tget_class(type);
  *out = (flr_element){0};
  if (class != H5T_INTEGER && class != H5T_FLOAT) return 0;
  if (!order_of(type, &out->swapped)) return 0;
  return class == H5T_INTEGER ? find_integer(out, type) : find_float(out, type);
}

const char *flr_h5_element_words(char *text, size_t size, hid_t type) {
  static const char *const words[H5T_NCLASSES] = {[H5T_INTEGER] = "integers of odd layout",
                                                  [H5T_FLOAT] = "floats of odd layout",
                                                  [H5T_TIME] = "times",
                                                  [H5T_BITFIELD] = "bit fields",
                                                  [H5T_OPAQUE] = "opaque elements",
                                                  [H5T_COMPOUND] = "compounds (tables)",
                                                  [H5T_REFERENCE] = "references",
                                                  [H5T_ENUM] = "enumerations",
                                                  [H5T_ARRAY] = "arrays"};
  const H5T_class_t class = H5Tget_class(type);
  if (class == H5T_STRING)
    (void)snprintf(text, size, "strings");
  else if (class == H5T_VLEN)
    (void)snprintf(text, size, "samples of different sizes");
  else
    (void)snprintf(text, size, "%zu-byte %s", H5Tget_size(type),
                   class > H5T_NO_CLASS && class < H5T_NCLASSES && words[class] ? words[class] : "elements");
  return text;
}
