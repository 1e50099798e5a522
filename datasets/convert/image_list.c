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

flr_status flr_image_list_share(flr_image_list *list, const flr_convert_team *team) {
  flr_image_list facts = *list;
  flr_text *const texts[] = {&list->paths, &list->files, &list->names, &list->skipped};
  FLR_TRY(team->broadcast(team->context, &facts, (int64_t)sizeof facts));
  const int64_t bytes[] = {facts.paths.bytes, facts.files.bytes, facts.names.bytes, facts.skipped.bytes};
  flr_status status = FLR_OK;
  if (team->rank != 0) { /* its pointers mean nothing here */
    *list = (flr_image_list){.classes = facts.classes, .skipped_count = facts.skipped_count};
    memcpy(list->first, facts.first, sizeof list->first);
    for (int i = 0; i < 4 && status == FLR_OK; i++) {
      status = flr_alloc(&texts[i]->data, bytes[i], 1);
      texts[i]->bytes = texts[i]->room = bytes[i];
    }
  }
  FLR_TRY(team->agree(team->context, status));
  for (int i = 0; i < 4; i++)
    if (bytes[i] > 0) FLR_TRY(team->broadcast(team->context, texts[i]->data, bytes[i]));
  return FLR_OK;
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
