#define PAIRLOOM_ISA baseline
#include "cpu/kernels/isa.inc"
