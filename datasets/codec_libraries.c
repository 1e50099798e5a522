/* The filters that libraries undo; CMake chooses a file for each, which says so where the library is not there. */
#include "datasets/codec_impl.h"

static const flr_codec *const codecs[FLR_CODECS] = {&flr_codec_deflate, &flr_codec_lz4, &flr_codec_zstd};

/* HDF5 allows no larger chunks, and no codec packs better than this. */
enum { MOST_RATIO = 1 << 16 };

/* FLR_CODECS: no library undoes it. */
static int place_of(int id) {
  int i = 0;
  while (i < FLR_CODECS && codecs[i]->id != id) i++;
  return i;
}

flr_status flr_codec_states_init(flr_codec_states *states) {
  *states = (flr_codec_states){0};
  for (int i = 0; i < FLR_CODECS; i++)
    if (codecs[i]->create) FLR_TRY(codecs[i]->create(&states->of[i]));
  return FLR_OK;
}

void flr_codec_states_clear(flr_codec_states *states) {
  for (int i = 0; i < FLR_CODECS; i++)
    if (states->of[i]) codecs[i]->destroy(states->of[i]);
}

flr_status flr_codec_undo(const flr_codec_states *states, int id, flr_bytes in, flr_room *out) {
  const int place = place_of(id);
  if (place == FLR_CODECS || codecs[place]->missing) return flr_filter_check(id, "");
  return codecs[place]->undo(states->of[place], in, out);
}

flr_status flr_codec_undo_once(int id, flr_bytes in, flr_room *out) {
  flr_codec_states states = {{NULL}};
  const int place = place_of(id);
  flr_status status = FLR_OK;
  if (place < FLR_CODECS && codecs[place]->create) status = codecs[place]->create(&states.of[place]);
  if (status == FLR_OK) status = flr_codec_undo(&states, id, in, out);
  flr_codec_states_clear(&states);
  return status;
}

size_t flr_decoded_size(int id, flr_bytes in) {
  const int place = place_of(id);
  const uint64_t size = place < FLR_CODECS && codecs[place]->told_size ? codecs[place]->told_size(in) : 0;
  return size > UINT32_MAX || size / MOST_RATIO > in.size ? 0 : (size_t)size;
}

const char *flr_codec_inflater(void) { return flr_codec_deflate.library; }

const char *flr_codec_missing(int id) {
  const int place = place_of(id);
  return place < FLR_CODECS ? codecs[place]->missing : NULL;
}

flr_status flr_filter_check(int id, const char *name) {
  const char *missing = flr_codec_missing(id);
  if (missing) return flr_fail(FLR_ERROR_UNAVAILABLE, "%s, but this program was %s", codecs[place_of(id)]->name, missing);
  if (place_of(id) < FLR_CODECS || id == FLR_FILTER_SHUFFLE || id == FLR_FILTER_FLETCHER32) return FLR_OK;
  return flr_fail(FLR_ERROR_DATA, "%s (number %d)", name[0] ? name : "without a name", id);
}
