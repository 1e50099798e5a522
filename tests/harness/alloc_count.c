/* Stands in for malloc and its family: counts and passes on to the C library. */
#include "harness/alloc_count.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* What glibc's own functions are called behind their replaceable names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

enum { MOST_RANGES = 64 };

static struct { uintptr_t first, end; } foreign[MOST_RANGES]; /* where the code of the foreign libraries is */
static int foreign_count;
static atomic_llong process_count, own_count;
static _Thread_local int64_t thread_count;

static int is_foreign(const char *path) {
  static const char *const libraries[] = {"/libdnnl.",     "/libstdc++.",   "/libgomp.", "/libmpi.",
                                          "/libopen-rte.", "/libopen-pal.", "/libpmix.", "/openmpi/"};
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
    if (strstr(path, libraries[i])) return 1;
  return 0;
}

static int note_library(struct dl_phdr_info *library, size_t size, void *context) {
  (void)size;
  (void)context;
  if (!is_foreign(library->dlpi_name)) return 0;
  for (int i = 0; i < library->dlpi_phnum && foreign_count < MOST_RANGES; i++) {
    const ElfW(Phdr) *part = &library->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
    foreign[foreign_count].first = library->dlpi_addr + part->p_vaddr;
    foreign[foreign_count++].end = library->dlpi_addr + part->p_vaddr + part->p_memsz;
  }
  return 0;
}

__attribute__((constructor)) static void find_libraries(void) { (void)dl_iterate_phdr(note_library, NULL); }

static void count_one(const void *caller) {
  int own = 1;
  for (int i = 0; i < foreign_count; i++)
    if ((uintptr_t)caller >= foreign[i].first && (uintptr_t)caller < foreign[i].end) own = 0;
  atomic_fetch_add_explicit(&process_count, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&own_count, own, memory_order_relaxed);
  thread_count++;
}

alloc_count alloc_count_now(void) {
  return (alloc_count){.process = atomic_load_explicit(&process_count, memory_order_relaxed),
                       .thread = thread_count,
                       .own = atomic_load_explicit(&own_count, memory_order_relaxed)};
}

void *malloc(size_t size) {
  count_one(__builtin_return_address(0));
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  count_one(__builtin_return_address(0));
  return __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size) {
  count_one(__builtin_return_address(0));
  return __libc_realloc(pointer, size);
}

void *memalign(size_t alignment, size_t size) {
  count_one(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count_one(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  count_one(__builtin_return_address(0));
  if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
  void *pointer = __libc_memalign(alignment, size);
  if (!pointer) return ENOMEM;
  *out = pointer;
  return 0;
}
