#define PAIRLOOM_ISA avx512bf16
#include "kernels/isa.inc"
