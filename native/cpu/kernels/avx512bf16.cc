#define PAIRLOOM_ISA avx512bf16
#include "cpu/kernels/isa.inc"
