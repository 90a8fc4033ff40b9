#define PAIRLOOM_ISA avx2
#include "kernels/isa.inc"
