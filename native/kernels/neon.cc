#define PAIRLOOM_ISA neon
#include "kernels/isa.inc"
