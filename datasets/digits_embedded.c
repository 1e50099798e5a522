/* digits.h5 taken in by the assembler. */
#include "datasets/digits_embedded.h"

__asm__(
    ".section .rodata\n"
    ".balign 64\n"
    ".global flr_digits_h5\n"
    ".global flr_digits_h5_end\n"
    "flr_digits_h5:\n"
    ".incbin \"" FLR_DIGITS_PATH
    "\"\n"
    "flr_digits_h5_end:\n"
    ".byte 0\n"
    ".previous\n");
