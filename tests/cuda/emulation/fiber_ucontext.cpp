/* Fibers by the C library. */
#include <ucontext.h>

#include <cstdlib>

#include "fiber.h"

struct Fiber {
  ucontext_t context;
  void *memory; /* of its stack; null: the caller's own */
};

Fiber *fiber_of_caller() { return new Fiber(); }

Fiber *fiber_create(void (*entry)()) {
  constexpr size_t kStack = size_t{128} << 10;
  Fiber *fiber = new Fiber();
  getcontext(&fiber->context);
  fiber->memory = std::malloc(kStack);
  fiber->context.uc_stack.ss_sp = fiber->memory;
  fiber->context.uc_stack.ss_size = kStack;
  fiber->context.uc_link = nullptr;
  makecontext(&fiber->context, entry, 0);
  return fiber;
}

void fiber_destroy(Fiber *fiber) {
  if (!fiber) return;
  std::free(fiber->memory);
  delete fiber;
}

void fiber_switch(Fiber *from, Fiber *to) { swapcontext(&from->context, &to->context); }
