/* The filters of a chunk undone one after the other, and the simple ones themselves. */
#include "datasets/codec.h"

#include <string.h>

#include "core/memory.h"
#include "datasets/codec_impl.h"

enum { CHECKSUM_BYTES = 4, SLACK_BYTES = 4096 };

struct flr_decoder {
  flr_decoder_sizes sizes;
  unsigned char *buffer[2]; /* [0] also takes the stored chunk; [1] NULL: nothing lies between filters */
  flr_codec_states states;
};

/* ---- fletcher32 ---- */

/* Sums of big-endian 16-bit words, folded often enough not to overflow. */
uint32_t flr_fletcher32(const unsigned char *data, size_t bytes) {
  enum { WORDS = 360 };
  uint32_t low = 0, high = 0;
  for (size_t words = bytes / 2; words > 0;) {
    size_t n = words < WORDS ? words : WORDS;
    words -= n;
    for (; n > 0; n--, data += 2) {
      low += (uint32_t)data[0] << 8 | data[1];
      high += low;
    }
    low = (low & 0xffff) + (low >> 16);
    high = (high & 0xffff) + (high >> 16);
  }
  if (bytes % 2) {
    low += (uint32_t)data[0] << 8;
    high += low;
    low = (low & 0xffff) + (low >> 16);
    high = (high & 0xffff) + (high >> 16);
  }
  low = (low & 0xffff) + (low >> 16);
  high = (high & 0xffff) + (high >> 16);
  return high << 16 | low;
}

/* The last four bytes are the sum of the others. */
static flr_status check_fletcher32(flr_bytes in) {
  if (in.size < CHECKSUM_BYTES) return flr_fail(FLR_ERROR_DATA, "it is too short for its checksum");
  const unsigned char *end = in.data + in.size - CHECKSUM_BYTES;
  const uint32_t stored = (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
  const uint32_t sum = flr_fletcher32(in.data, in.size - CHECKSUM_BYTES);
  const uint32_t swapped = (sum & 0x00ff00ff) << 8 | (sum & 0xff00ff00) >> 8; /* as HDF5 before 1.6.3 wrote it */
  if (stored == sum || stored == swapped) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "wrong checksum (fletcher32 %08x, stored %08x)", sum, stored);
}

/* ---- shuffle ---- */

static inline void gather(const unsigned char *in, size_t elements, size_t width, unsigned char *out) {
  for (size_t i = 0; i < elements; i++)
    for (size_t k = 0; k < width; k++) out[i * width + k] = in[k * elements + i];
}

static void unshuffle(flr_bytes in, size_t width, unsigned char *out) {
  const size_t elements = width ? in.size / width : 0;
  switch (width) {
    case 2: gather(in.data, elements, 2, out); break;
    case 4: gather(in.data, elements, 4, out); break;
    case 8: gather(in.data, elements, 8, out); break;
    default: gather(in.data, elements, width, out); break;
  }
  memcpy(out + elements * width, in.data + elements * width, in.size - elements * width);
}

/* ---- the pipeline ---- */

static int moves_bytes(const flr_filters *f, int i) {
  if (f->id[i] == FLR_FILTER_SHUFFLE) return f->element_bytes > 1;
  return f->id[i] != FLR_FILTER_FLETCHER32;
}

/* Whether what undoing filter i gives is the chunk itself: no checksum lies below it, and nothing moves there. */
static int is_last(const flr_filters *f, uint32_t skipped, int i) {
  for (int k = 0; k < i; k++)
    if (!(skipped >> k & 1) && (moves_bytes(f, k) || f->id[k] == FLR_FILTER_FLETCHER32)) return 0;
  return 1;
}

/* Whether anything is kept between two filters. */
static int needs_second(const flr_filters *f) {
  for (int i = 0; i < f->count; i++)
    if (moves_bytes(f, i) && !is_last(f, 0, i)) return 1;
  return 0;
}

/* Between two filters there may be a little more than the chunk: a checksum, or what does not compress. */
void flr_decoder_sizes_add(flr_decoder_sizes *sizes, const flr_filters *filters, size_t stored, size_t whole) {
  const size_t between = needs_second(filters) ? whole + whole / 64 + SLACK_BYTES : 0;
  if (stored > sizes->stored) sizes->stored = stored;
  if (between > sizes->between) sizes->between = between;
}

static size_t first_bytes(const flr_decoder_sizes *sizes) {
  return sizes->stored > sizes->between ? sizes->stored : sizes->between;
}

size_t flr_decoder_bytes(const flr_decoder_sizes *sizes) { return first_bytes(sizes) + sizes->between; }

static flr_status fill(flr_decoder *d) {
  FLR_TRY(flr_alloc(&d->buffer[0], (int64_t)first_bytes(&d->sizes), 1));
  if (d->sizes.between > 0) FLR_TRY(flr_alloc(&d->buffer[1], (int64_t)d->sizes.between, 1));
  return flr_codec_states_init(&d->states);
}

flr_status flr_decoder_create(flr_decoder **out, const flr_decoder_sizes *sizes) {
  FLR_TRY(flr_alloc(out, 1, sizeof **out));
  (*out)->sizes = *sizes;
  const flr_status status = fill(*out);
  if (status == FLR_OK) return FLR_OK;
  flr_decoder_destroy(*out);
  *out = NULL;
  return status;
}

void flr_decoder_destroy(flr_decoder *d) {
  if (!d) return;
  flr_codec_states_clear(&d->states);
  flr_free(d->buffer[0]);
  flr_free(d->buffer[1]);
  flr_free(d);
}

void *flr_decoder_stored(flr_decoder *d) { return d->buffer[0]; }

static flr_status undo(flr_decoder *d, const flr_filters *filters, int id, flr_bytes in, flr_room *out) {
  if (id != FLR_FILTER_SHUFFLE) return flr_codec_undo(&d->states, id, in, out);
  if (in.size > out->size) return flr_fail(FLR_ERROR_DATA, "it holds more than the chunk's size");
  unshuffle(in, filters->element_bytes, out->data);
  out->size = in.size;
  return FLR_OK;
}

flr_status flr_decoder_run(flr_decoder *d, const flr_filters *filters, size_t stored_bytes, uint32_t skipped, void *out,
                           size_t whole) {
  flr_bytes in = {.data = d->buffer[0], .size = stored_bytes};
  int side = 0;
  for (int i = filters->count - 1; i >= 0; i--) {
    if (skipped >> i & 1) continue;
    if (filters->id[i] == FLR_FILTER_FLETCHER32) {
      FLR_TRY(check_fletcher32(in));
      in.size -= CHECKSUM_BYTES;
    }
    if (!moves_bytes(filters, i)) continue;
    side = !side;
    flr_room to = {.data = d->buffer[side], .size = d->sizes.between};
    if (is_last(filters, skipped, i)) to = (flr_room){.data = out, .size = whole};
    FLR_TRY(undo(d, filters, filters->id[i], in, &to));
    in = (flr_bytes){.data = to.data, .size = to.size};
  }
  if (in.size != whole) return flr_fail(FLR_ERROR_DATA, "it holds %zu bytes, not the chunk's %zu", in.size, whole);
  if (in.data != out) memcpy(out, in.data, whole);
  return FLR_OK;
}
