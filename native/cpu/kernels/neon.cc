#define PAIRLOOM_ISA neon
#include "cpu/kernels/isa.inc"
