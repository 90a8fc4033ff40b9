#pragma once

// Always inlined. The sources of several instruction sets include these functions, and the linker could choose an
// out-of-line copy with instructions that the machine lacks.
#define PAIRLOOM_INLINE inline __attribute__((always_inline))
