/* Finding, opening and checking the CUDA module. */
#include "backend/module_cuda.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char module_file[] = "libfastlr_cuda.so", table_name[] = "flr_cuda_module_table";

/* The file in the folder of this very code; 0 when there is none. */
static int beside_us(char path[PATH_MAX]) {
  Dl_info info;
  if (!dladdr(module_file, &info) || !info.dli_fname) return 0;
  const char *slash = strrchr(info.dli_fname, '/');
  const int folder = slash ? (int)(slash - info.dli_fname) + 1 : 0;
  const int length = snprintf(path, PATH_MAX, "%.*s%s", folder, info.dli_fname, module_file);
  return length > 0 && length < PATH_MAX && access(path, R_OK) == 0;
}

static flr_status not_loaded(const char *path, int found) {
  const char *reason = dlerror();
  if (found) return flr_fail(FLR_ERROR_UNAVAILABLE, "cuda: cannot load the module: %s", reason ? reason : path);
  return flr_fail(
      FLR_ERROR_UNAVAILABLE,
      "cuda: there is no %s beside the program or on the library path: build with -D FLR_CUDA=ON, or use --backend cpu",
      module_file);
}

static flr_status load(void **out, int *found) {
  char path[PATH_MAX];
  const char *wanted = getenv("FASTLR_CUDA_MODULE");
  if (wanted && wanted[0]) {
    *found = access(wanted, R_OK) == 0;
    if (!*found) return flr_fail(FLR_ERROR_UNAVAILABLE, "cuda: FASTLR_CUDA_MODULE: there is no file %s", wanted);
    (void)snprintf(path, sizeof path, "%s%s", strchr(wanted, '/') ? "" : "./", wanted);
  } else {
    *found = beside_us(path);
    if (!*found) strcpy(path, module_file);
  }
  *out = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!*out) return not_loaded(path, *found);
  *found = 1;
  return FLR_OK;
}

static flr_status check(const flr_cuda_module *module) {
  static const flr_cuda_sizes ours = FLR_CUDA_SIZES;
  if (module->abi != FLR_CUDA_ABI)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: the module has interface version %u, this program wants %d: build and install both together",
                    module->abi, FLR_CUDA_ABI);
  if (memcmp(&module->sizes, &ours, sizeof ours) != 0)
    return flr_fail(FLR_ERROR_UNAVAILABLE,
                    "cuda: the module (%s) was built from other sources than this program: build and install both together",
                    module->version);
  return FLR_OK;
}

flr_status flr_cuda_module_open(const flr_cuda_module **out, int *found) {
  void *library;
  int there = 0;
  *out = NULL;
  const flr_status status = load(&library, &there);
  if (found) *found = there;
  FLR_TRY(status);
  const flr_cuda_module *module = dlsym(library, table_name);
  if (!module)
    return flr_fail(FLR_ERROR_UNAVAILABLE, "cuda: the module has no %s: it is not one of this program's", table_name);
  FLR_TRY(check(module));
  *out = module;
  return FLR_OK;
}

flr_status flr_backend_cuda_create(flr_backend **out, const flr_backend_options *options);

flr_status flr_backend_cuda_create(flr_backend **out, const flr_backend_options *options) {
  const flr_cuda_module *module;
  *out = NULL;
  FLR_TRY(flr_cuda_module_open(&module, NULL));
  return module->backend_create(out, options);
}
