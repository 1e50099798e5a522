/* The images of a folder of class folders: their paths in a fixed order, and what was left out and why. */
#ifndef FLR_DATASETS_CONVERT_IMAGE_LIST_H
#define FLR_DATASETS_CONVERT_IMAGE_LIST_H

#include "datasets/convert/convert.h"

/* Text that grows at its end. */
typedef struct flr_text {
  char *data; /* owned; NULL while it is empty */
  int64_t bytes, room;
} flr_text;

/* Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_text_add(flr_text *text, const char *data, int64_t bytes);
void flr_text_clear(flr_text *text);

typedef struct flr_image_list {
  flr_text paths; /* relative to the source, each with its 0 */
  flr_text files; /* of flr_image_file: count of them */
  flr_text names; /* of the classes, each with its 0, sorted by their bytes */
  int64_t classes;
  int64_t first[FLR_SPLIT_COUNT + 1]; /* of each split's files */
  flr_text skipped;                   /* "PATH: reason" lines, PATH relative to the source */
  int64_t skipped_count;
} flr_image_list;

typedef struct flr_image_file {
  int64_t path; /* where in paths */
  int64_t label;
} flr_image_file;

/* Walks SRC/train/CLASS/.., SRC/valid (or val) and SRC/test beside it, or SRC/CLASS/.. where there is no SRC/train. Folders are
   followed to any depth, also links to them, unless they lead back to a folder above. Names that begin with a dot are passed
   over; what is neither a file nor a folder, and links that lead nowhere, are skipped with a reason. Errors:
   FLR_ERROR_NO_INPUT (missing, no folder, a folder that cannot be read), FLR_ERROR_DATA (no class folders, a class without
   files, a class that the training split lacks, valid and val), FLR_ERROR_INTERNAL (memory). The caller clears the list in any
   case. Not collective. */
flr_status flr_image_list_walk(flr_image_list *out, const char *source);
/* Gives rank 0's list to all. Errors: FLR_ERROR_INTERNAL (memory). Collective over team. */
flr_status flr_image_list_share(flr_image_list *list, const flr_convert_team *team);
void flr_image_list_clear(flr_image_list *list);

/* The images of all splits, those of each together; one of them, and its path relative to the source. Borrowed. */
static inline int64_t flr_image_list_count(const flr_image_list *list) { return list->first[FLR_SPLIT_COUNT]; }
static inline const flr_image_file *flr_image_list_file(const flr_image_list *list, int64_t index) {
  return (const flr_image_file *)(const void *)list->files.data + index;
}
static inline const char *flr_image_list_path(const flr_image_list *list, int64_t index) {
  return list->paths.data + flr_image_list_file(list, index)->path;
}
/* The class's name. */
const char *flr_image_list_name(const flr_image_list *list, int64_t label);
/* Notes a file that is left out. Errors: FLR_ERROR_INTERNAL (memory). */
flr_status flr_image_list_skip(flr_image_list *list, const char *path, const char *reason);
/* Takes files out: bad [n], indices in rising order. */
void flr_image_list_drop(flr_image_list *list, const int64_t *bad, int64_t n);

#endif
