#include "distributed/measure.h"

#include <algorithm>
#include <chrono>

namespace pairloom {

double measure_exchange(Communicator& ranks, uint64_t bytes, uint32_t repeats) {
  std::vector<uint64_t> sizes(ranks.size(), bytes);
  sizes[ranks.rank()] = 0;
  const std::vector<uint8_t> sent(bytes * (ranks.size() - 1), 1);
  std::vector<uint8_t> received(sent.size());
  std::vector<double> seconds;
  for (uint32_t i = 0; i < std::max(1u, repeats); ++i) {
    const auto begin = std::chrono::steady_clock::now();
    ranks.exchange("measure", {sent.data(), sizes}, {received.data(), sizes});
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + ptrdiff_t(seconds.size() / 2), seconds.end());
  return seconds[seconds.size() / 2];
}

}  // namespace pairloom
