// Optimizer attributes in the form of the kernels: in fp32, with per-step values computed in fp64.
#pragma once

#include <cstdint>

namespace pairloom {

// rest: 1 - beta and correction: 1 - beta^t, both computed in double (1 - 0.999f is off by 1.3e-5 of itself).
struct AdamSettings {
  float beta1, beta2, rest1, rest2, eps, l2, weight_decay, correction1, correction2;
};

// rest: 1 - decay, computed in double.
struct FadingSettings {
  float decay, rest, eps, l2;
};

// share: the part of the gradient that the momentum takes in this step.
struct MomentumSettings {
  float momentum, share, l2;
  bool nesterov;
};

struct LarsSettings {
  float momentum, eta, weight_decay, l2;
};

// For t = step + 1.
AdamSettings adam_settings(double beta1, double beta2, double eps, double l2, double weight_decay, uint64_t step);

}  // namespace pairloom
