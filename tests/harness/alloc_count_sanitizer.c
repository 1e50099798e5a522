/* Counts allocations by the hooks of the sanitizers, which keep malloc for themselves. The one for threads tells of no aligned
 * ones. */
#include <stdatomic.h>
#include <stdlib.h>

#include "harness/alloc_count.h"

/* Of <sanitizer/allocator_interface.h>. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static atomic_llong process_count;
static _Thread_local int64_t thread_count;

static void on_malloc(const volatile void *pointer, size_t size) {
  (void)pointer;
  (void)size;
  atomic_fetch_add_explicit(&process_count, 1, memory_order_relaxed);
  thread_count++;
}

static void on_free(const volatile void *pointer) { (void)pointer; }

__attribute__((constructor)) static void listen(void) { (void)__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free); }

alloc_count alloc_count_now(void) {
  return (alloc_count){
      .process = atomic_load_explicit(&process_count, memory_order_relaxed), .thread = thread_count, .own = -1};
}
