#define PAIRLOOM_ISA avx512
#include "kernels/isa.inc"
