/* Fibers by hand: the registers that a call has to keep, and the stack pointer. No system call per switch. */
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "fiber.h"

struct Fiber {
  void *stack;  /* where it goes on */
  void *memory; /* of its stack; null: the caller's own */
};

extern "C" void emulation_switch_stack(void **save, void *to);
asm(R"(
  .text
  .globl emulation_switch_stack
  .type emulation_switch_stack, @function
emulation_switch_stack:
  endbr64
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size emulation_switch_stack, . - emulation_switch_stack
)");

Fiber *fiber_of_caller() { return new Fiber{nullptr, nullptr}; }

Fiber *fiber_create(void (*entry)()) {
  constexpr size_t kStack = size_t{128} << 10, kSaved = 6;
  char *memory = static_cast<char *>(std::aligned_alloc(64, kStack));
  /* Below a return address of nobody: entry, where the first switch returns to, and the six registers. */
  uintptr_t *top = reinterpret_cast<uintptr_t *>(memory + kStack) - 1;
  *top = 0;
  *--top = reinterpret_cast<uintptr_t>(entry);
  for (size_t i = 0; i < kSaved; i++) *--top = 0;
  return new Fiber{top, memory};
}

void fiber_destroy(Fiber *fiber) {
  if (!fiber) return;
  std::free(fiber->memory);
  delete fiber;
}

void fiber_switch(Fiber *from, Fiber *to) { emulation_switch_stack(&from->stack, to->stack); }
