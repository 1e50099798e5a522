/* backends: what this build and this machine can use. */
#include <string.h>

#include "backend/backend.h"
#include "cli/command.h"
#include "cli/json.h"
#include "datasets/codec.h"
#include "datasets/convert/image.h"
#include "report/plot.h"

enum { REASON_BYTES = 1024 };

static void add(cJSON *array, const char *kind, const char *name, const char *reason, const char *description) {
  cJSON *item = cJSON_CreateObject();
  cJSON_AddStringToObject(item, "kind", kind);
  cJSON_AddStringToObject(item, "name", name);
  cJSON_AddBoolToObject(item, "available", reason[0] == '\0');
  cJSON_AddStringToObject(item, "description", reason[0] ? reason : description);
  cJSON_AddItemToArray(array, item);
}

/* What keeps the cuda backend from working goes to `cuda`. */
static void add_backends(cJSON *array, char cuda[REASON_BYTES]) {
  char reason[REASON_BYTES];
  const char *name;
  for (int i = 0; (name = flr_backend_list(i, reason, sizeof reason)); i++) {
    if (strcmp(name, "cuda") == 0) memcpy(cuda, reason, sizeof reason);
    const flr_backend_options options = {.local_size = 1, .own_compute = 1};
    flr_backend *backend = NULL;
    if (reason[0] == '\0' && flr_backend_create(&backend, name, &options) != FLR_OK) backend = NULL;
    add(array, "backend", name, reason, backend ? backend->description : "");
    flr_backend_destroy(backend);
  }
}

/* What compressed data are read with. */
static void add_codecs(cJSON *array) {
  const char *lz4 = flr_codec_missing(FLR_FILTER_LZ4), *zstd = flr_codec_missing(FLR_FILTER_ZSTD);
  char deflate[64];
  (void)snprintf(deflate, sizeof deflate, "by %s, with shuffle and fletcher32", flr_codec_inflater());
  add(array, "codec", "deflate", "", deflate);
  add(array, "codec", "lz4", lz4 ? lz4 : "", "HDF5's filter 32004");
  add(array, "codec", "zstd", zstd ? zstd : "", "HDF5's filter 32015");
}

flr_status flr_cmd_backends(const flr_command_args *args) {
  flr_config config;
  flr_status status = flr_command_config(args, NULL, &config);
  const int json = config.json;
  flr_config_clear(&config);
  if (status != FLR_OK || args->rank != 0) return status;
  char cuda[REASON_BYTES] = "";
  cJSON *array = cJSON_CreateArray();
  add_backends(array, cuda);
  add(array, "comm", "self", "", "one rank, no launcher");
  add(array, "comm", "mpi", "", "under mpirun or srun");
  add(array, "comm", "nccl", cuda, "between GPUs, under mpirun or srun"); /* it is part of the same module */
  add_codecs(array);
  add(array, "convert", "libjpeg", flr_image_has("libjpeg") ? "" : "not in this build", "reads JPEG files");
  add(array, "convert", "libpng", flr_image_has("libpng") ? "" : "not in this build", "reads PNG files");
  add(array, "convert", "zlib", "", "reads .gz files");
  add(array, "plots", "gnuplot", flr_plot_available() ? "" : "not found in PATH: no plots are drawn", "svg, png, terminal");
  if (json) {
    flr_json_print(array);
    return FLR_OK;
  }
  const cJSON *item;
  cJSON_ArrayForEach(item, array) printf("%-8s %-8s %-4s %s\n", cJSON_GetObjectItem(item, "kind")->valuestring,
                                         cJSON_GetObjectItem(item, "name")->valuestring,
                                         cJSON_IsTrue(cJSON_GetObjectItem(item, "available")) ? "yes" : "no",
                                         cJSON_GetObjectItem(item, "description")->valuestring);
  cJSON_Delete(array);
  return FLR_OK;
}
