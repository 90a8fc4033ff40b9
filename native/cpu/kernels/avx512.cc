#define PAIRLOOM_ISA avx512
#include "cpu/kernels/isa.inc"
