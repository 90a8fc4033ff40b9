#pragma once

// Always inlined: the sources of several instruction sets include such functions, and an out-of-line copy that the
// linker picks from one of them would run instructions that another machine lacks.
#define PAIRLOOM_INLINE inline __attribute__((always_inline))
