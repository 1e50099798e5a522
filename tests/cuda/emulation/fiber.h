/* Stacks that take turns. fiber_x86_64.cpp is fast; fiber_ucontext.cpp runs everywhere. */
#ifndef FLR_TESTS_CUDA_FIBER_H
#define FLR_TESTS_CUDA_FIBER_H

struct Fiber;

/* The stack that calls this, as something to come back to. */
Fiber *fiber_of_caller();
/* A new stack on which entry runs when it is first switched to; entry never returns. */
Fiber *fiber_create(void (*entry)());
/* Of either kind, while another one runs; what is on its stack is not destroyed. NULL is allowed. */
void fiber_destroy(Fiber *fiber);
void fiber_switch(Fiber *from, Fiber *to);

#endif
