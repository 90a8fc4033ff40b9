#include "runtime/optimizer_settings.h"

#include <cmath>

namespace pairloom {

AdamSettings adam_settings(double beta1, double beta2, double eps, double l2, double weight_decay, uint64_t step) {
  const double t = double(step) + 1;
  return {.beta1 = float(beta1),
          .beta2 = float(beta2),
          .rest1 = float(1 - beta1),
          .rest2 = float(1 - beta2),
          .eps = float(eps),
          .l2 = float(l2),
          .weight_decay = float(weight_decay),
          .correction1 = float(1 - std::pow(beta1, t)),
          .correction2 = float(1 - std::pow(beta2, t))};
}

}  // namespace pairloom
