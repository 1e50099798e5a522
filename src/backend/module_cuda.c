/* Finding, opening and checking the run-time CUDA module. */
#include "backend/module_cuda.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OTHER_BACKEND "or use --backend cpu"

static void cut_to_folder(char *path) {
  char *slash = strrchr(path, '/');
  if (slash) *slash = '\0';
}

/* The folder of the file that this code is in: of libfastlr, or of the program where the library is part of it. */
static int library_folder(char folder[PATH_MAX]) {
  static const char here = 0;
  Dl_info info;
  if (!dladdr(&here, &info) || !info.dli_fname || !realpath(info.dli_fname, folder)) return 0;
  cut_to_folder(folder);
  return 1;
}

static int program_folder(char folder[PATH_MAX]) {
  const ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
  if (length < 0) return 0;
  folder[length] = '\0';
  cut_to_folder(folder);
  return 1;
}

/* Folders the module may be in, without repetition; returns how many. */
static int folders(char out[2][PATH_MAX]) {
  int count = library_folder(out[0]);
  count += program_folder(out[count]);
  return count == 2 && strcmp(out[0], out[1]) == 0 ? 1 : count;
}

static int file_in(char path[PATH_MAX], const char *folder) {
  const int length = snprintf(path, PATH_MAX, "%s/" FLR_CUDA_MODULE_FILE, folder);
  return length < PATH_MAX && access(path, F_OK) == 0;
}

static flr_status load(void **handle, const char *path) {
  *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (*handle) return FLR_OK;
  const char *reason = dlerror();
  return flr_fail(FLR_ERROR_UNAVAILABLE,
                  "cuda: %s cannot be loaded (%s): name the folder of its CUDA libraries in LD_LIBRARY_PATH, build it again "
                  "here, " OTHER_BACKEND,
                  path, reason ? reason : "no reason given");
}

static flr_status load_named(void **handle, const char *path) {
  if (path[0] == '\0')
    return flr_fail(FLR_ERROR_UNAVAILABLE, "cuda: " FLR_CUDA_MODULE_VARIABLE
                                           " is empty, which means no CUDA module: unset "
                                           "it, " OTHER_BACKEND);
  if (access(path, F_OK) != 0)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: " FLR_CUDA_MODULE_VARIABLE ": %s does not exist: name the file " FLR_CUDA_MODULE_FILE
                    " or unset the variable, " OTHER_BACKEND,
                    path);
  char whole[PATH_MAX]; /* a name without a slash is a file here and not one on the linker's paths */
  return load(handle, realpath(path, whole) ? whole : path);
}

static flr_status load_found(void **handle) {
  char folder[2][PATH_MAX], path[PATH_MAX];
  const int count = folders(folder);
  for (int i = 0; i < count; i++)
    if (file_in(path, folder[i])) return load(handle, path);
  *handle = dlopen(FLR_CUDA_MODULE_FILE, RTLD_NOW | RTLD_LOCAL);
  if (*handle) return FLR_OK;
  const char *reason = dlerror();
  if (reason && strncmp(reason, FLR_CUDA_MODULE_FILE ":", strlen(FLR_CUDA_MODULE_FILE ":")) != 0)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: " FLR_CUDA_MODULE_FILE
                    " cannot be loaded (%s): name the folder of its CUDA libraries in "
                    "LD_LIBRARY_PATH, build it again here, " OTHER_BACKEND,
                    reason);
  return flr_fail(FLR_ERROR_UNAVAILABLE,
                  "cuda: the CUDA module " FLR_CUDA_MODULE_FILE
                  " is not in %s%s%s nor on the library path: build it with "
                  "-DFLR_CUDA=ON, name it in " FLR_CUDA_MODULE_VARIABLE ", " OTHER_BACKEND,
                  count > 0 ? folder[0] : "the program's folder", count > 1 ? ", " : "", count > 1 ? folder[1] : "");
}

typedef struct struct_size {
  const char *name;
  uint32_t theirs, ours;
} struct_size;

static flr_status check_sizes(const char *file, const flr_cuda_module *module) {
#define STRUCT_SIZE(type) {#type, module->type##_bytes, (uint32_t)sizeof(type)},
  const struct_size sizes[] = {FLR_CUDA_BACKEND_STRUCTS(STRUCT_SIZE)};
#undef STRUCT_SIZE
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    if (sizes[i].theirs != sizes[i].ours)
      return flr_fail(FLR_ERROR_UNAVAILABLE,
                      "cuda: %s (%s) has %s of %u bytes, this program (" FLR_VERSION
                      ") of %u: build both from the same "
                      "source, " OTHER_BACKEND,
                      file, module->version, sizes[i].name, sizes[i].theirs, sizes[i].ours);
  return FLR_OK;
}

static flr_status check_table(const char *file, const flr_cuda_module *module) {
  if (!module || module->magic != FLR_CUDA_MAGIC)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: %s is not a module of this program (it has no flr_cuda_module_table): name "
                    "another, " OTHER_BACKEND,
                    file);
  if (module->abi != FLR_CUDA_ABI)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: %s has module interface %u, this program (" FLR_VERSION
                    ") wants %u: build both from the same "
                    "source, " OTHER_BACKEND,
                    file, module->abi, (unsigned)FLR_CUDA_ABI);
  if (module->bytes != sizeof *module)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: %s has a table of %u bytes, this program (" FLR_VERSION
                    ") wants %zu: build both from the same "
                    "source, " OTHER_BACKEND,
                    file, module->bytes, sizeof *module);
  return check_sizes(file, module);
}

flr_status flr_cuda_module_open(const flr_cuda_module **out) {
  const char *named = getenv(FLR_CUDA_MODULE_VARIABLE);
  void *handle = NULL;
  *out = NULL;
  FLR_TRY(named ? load_named(&handle, named) : load_found(&handle));
  const flr_cuda_module *module = dlsym(handle, "flr_cuda_module_table");
  Dl_info info;
  const char *file = named ? named : FLR_CUDA_MODULE_FILE;
  if (module && dladdr(module, &info) && info.dli_fname) file = info.dli_fname;
  const flr_status status = check_table(file, module);
  if (status != FLR_OK) {
    (void)dlclose(handle);
    return status;
  }
  *out = module;
  return FLR_OK;
}

static int module_present(void) {
  char folder[2][PATH_MAX], path[PATH_MAX];
  const int count = folders(folder);
  for (int i = 0; i < count; i++)
    if (file_in(path, folder[i])) return 1;
  return 0;
}

int flr_cuda_module_expected(void) {
  const char *named = getenv(FLR_CUDA_MODULE_VARIABLE), *visible = getenv("CUDA_VISIBLE_DEVICES");
  if (named && named[0] == '\0') return 0;
  if (visible && (visible[0] == '\0' || visible[0] == '-')) return 0; /* "" and -1 hide all devices */
  return named || visible || access("/dev/nvidiactl", F_OK) == 0 || module_present();
}

int flr_cuda_driver_present(void) {
  void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (!driver) return 0;
  (void)dlclose(driver);
  return 1;
}

flr_status flr_backend_cuda_create(flr_backend **out, const flr_backend_options *options) {
  const flr_cuda_module *module;
  *out = NULL;
  if (options->automatic && !flr_cuda_module_expected()) return flr_fail(FLR_ERROR_UNAVAILABLE, "%s", "");
  if (options->automatic && !flr_cuda_driver_present())
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: no NVIDIA driver is installed here (libcuda.so.1 cannot be opened); --backend cpu asks for none");
  FLR_TRY(flr_cuda_module_open(&module));
  return module->backend_create(out, options);
}
