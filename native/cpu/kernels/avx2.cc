#define PAIRLOOM_ISA avx2
#include "cpu/kernels/isa.inc"
