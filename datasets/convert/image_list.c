/* The list itself. */
#include "datasets/convert/image_list.h"

#include <string.h>

#include "core/memory.h"

enum { FIRST_ROOM = 4096 };

flr_status flr_text_add(flr_text *text, const char *data, int64_t bytes) {
  if (text->bytes + bytes > text->room) {
    const int64_t room = (text->bytes + bytes > 2 * text->room ? text->bytes + bytes : 2 * text->room) + FIRST_ROOM;
    char *larger;
    FLR_TRY(flr_alloc(&larger, room, 1));
    if (text->bytes > 0) memcpy(larger, text->data, (size_t)text->bytes);
    flr_free(text->data);
    text->data = larger;
    text->room = room;
  }
  if (bytes > 0) memcpy(text->data + text->bytes, data, (size_t)bytes);
  text->bytes += bytes;
  return FLR_OK;
}

void flr_text_clear(flr_text *text) {
  flr_free(text->data);
  *text = (flr_text){0};
}

void flr_image_list_clear(flr_image_list *list) {
  flr_text_clear(&list->paths);
  flr_text_clear(&list->files);
  flr_text_clear(&list->names);
  flr_text_clear(&list->skipped);
  *list = (flr_image_list){0};
}

const char *flr_image_list_name(const flr_image_list *list, int64_t label) {
  const char *name = list->names.data;
  for (int64_t k = 0; k < label; k++) name += strlen(name) + 1;
  return name;
}

/* Names may hold anything: one skipped file is one line. */
flr_status flr_image_list_skip(flr_image_list *list, const char *path, const char *reason) {
  const int64_t from = list->skipped.bytes;
  FLR_TRY(flr_text_add(&list->skipped, path, (int64_t)strlen(path)));
  FLR_TRY(flr_text_add(&list->skipped, ": ", 2));
  FLR_TRY(flr_text_add(&list->skipped, reason, (int64_t)strlen(reason)));
  for (int64_t i = from; i < list->skipped.bytes; i++)
    if (list->skipped.data[i] == '\n' || list->skipped.data[i] == '\r') list->skipped.data[i] = '?';
  list->skipped_count++;
  return flr_text_add(&list->skipped, "\n", 1);
}

void flr_image_list_drop(flr_image_list *list, const int64_t *bad, int64_t n) {
  flr_image_file *files = (flr_image_file *)(void *)list->files.data;
  int64_t kept = 0, next = 0, from = 0;
  for (int split = 0; split < FLR_SPLIT_COUNT; split++) {
    const int64_t end = list->first[split + 1];
    for (; from < end; from++) {
      if (next < n && bad[next] == from)
        next++;
      else
        files[kept++] = files[from];
    }
    list->first[split + 1] = kept;
  }
  list->files.bytes = kept * (int64_t)sizeof *files;
}
