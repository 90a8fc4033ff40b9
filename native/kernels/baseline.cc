#define PAIRLOOM_ISA baseline
#include "kernels/isa.inc"
