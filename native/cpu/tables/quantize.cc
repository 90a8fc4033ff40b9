#include "cpu/tables/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pairloom {

void quantize_row(const float* numbers, const Quantized& as, char* to) {
  const auto [low, high] = std::minmax_element(numbers, numbers + as.dim);
  const double levels = double((1 << as.bits) - 1);
  const float head[] = {float((double(*high) - double(*low)) / levels), *low};
  std::memset(to, 0, as.words * sizeof(uint32_t));
  std::memcpy(to, head, sizeof head);
  if (head[0] == 0) return;
  auto* const bytes = reinterpret_cast<uint8_t*>(to + sizeof head);
  const uint64_t first = as.bits == 8 ? as.dim : (as.dim + 1) / 2;
  for (uint64_t d = 0; d < as.dim; ++d) {
    const double steps = (double(numbers[d]) - double(head[1])) / double(head[0]);
    const auto integer = uint8_t(std::min(levels, std::round(steps)));
    if (d < first) bytes[d] = integer;
    else bytes[d - first] |= uint8_t(integer << 4);
  }
}

}  // namespace pairloom
