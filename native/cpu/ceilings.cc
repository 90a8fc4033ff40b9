#include "cpu/ceilings.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "runtime/memory.h"
#include "cpu/kernels/dispatch.h"

namespace pairloom {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kRounds = 80'000;

volatile float sink;

// Units per second, where `work` does `units` of them. All threads begin together; the best of several windows counts.
double rate(uint32_t threads, double units, const std::function<float(uint32_t thread)>& work) {
  constexpr int kWindows = 6;
  std::vector<double> seconds(threads * kWindows);
  std::barrier start(threads);
  const auto run = [&](uint32_t thread) {
    for (int window = 0; window < kWindows; ++window) {
      start.arrive_and_wait();
      const auto begin = Clock::now();
      sink = work(thread);
      seconds[window * threads + thread] = std::chrono::duration<double>(Clock::now() - begin).count();
    }
  };
  std::vector<std::thread> others;
  for (uint32_t thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
  run(0);
  for (std::thread& other : others) other.join();
  double best = 0;
  for (int window = 0; window < kWindows; ++window) {
    double total = 0;
    for (uint32_t thread = 0; thread < threads; ++thread) total += units / seconds[window * threads + thread];
    best = std::max(best, total);
  }
  return best;
}

// Operations per second of multiply-adds, which count as two; 0 if the loop does none.
double multiply_add_rate(uint32_t threads, uint64_t (*loop)(uint64_t rounds, float* result)) {
  float result;
  const uint64_t in_a_round = loop(1, &result);
  if (in_a_round == 0) return 0;
  return rate(threads, 2.0 * kRounds * double(in_a_round), [&](uint32_t) {
    float sum;
    loop(kRounds, &sum);
    return sum;
  });
}

// Bytes per second when each thread reads its own part of `total` floats.
double read_rate(uint32_t threads, size_t total, size_t passes) {
  constexpr size_t kUnit = 128;
  const size_t part = total / threads / kUnit * kUnit;
  const Arena memory(part * threads);
  std::fill_n(memory.data(), part * threads, 1.0f);  // pages that were never written may all map to the same page
  return rate(threads, double(part * sizeof(float) * passes), [&](uint32_t thread) {
    float sum = 0;
    for (size_t pass = 0; pass < passes; ++pass) sum += kernels().sum_numbers(memory.data() + thread * part, part);
    return sum;
  });
}

constexpr size_t kMemoryFloats = size_t{192} << 18;  // 192 MiB: more than the caches of the cores in use
constexpr size_t kCacheFloats = size_t{128} << 8;    // 128 KiB per thread: between first- and second-level cache

// Bytes of rows per second, where each thread calls `use` with rows of its own part of the table, in random order.
template <class Use>
double row_rate(const Arena& table, uint32_t dim, uint32_t threads, const Use& use) {
  constexpr uint64_t kCount = 200'000, kAhead = 16, kLine = 16;
  const uint64_t rows = kMemoryFloats / dim / threads;
  const auto row = [&](uint64_t i, uint32_t thread) {
    return table.data() + (thread * rows + (i * 0x9e3779b97f4a7c15 >> 20) % rows) * dim;
  };
  return rate(threads, double(kCount) * dim * sizeof(float), [&](uint32_t thread) {
    float sum = 0;
    for (uint64_t i = 0; i < kCount; ++i) {
      const float* const ahead = row(i + kAhead, thread);
      for (uint32_t d = 0; d < dim; d += kLine) __builtin_prefetch(ahead + d);
      sum += use(row(i, thread), thread);
    }
    return sum;
  });
}

}  // namespace

RowRates measure_row_rates(uint32_t dim, uint32_t threads) {
  const Arena table(kMemoryFloats);
  std::fill_n(table.data(), kMemoryFloats, 1.0f);
  std::vector<std::vector<float>> buffers(threads, std::vector<float>(dim));
  const auto read = [&](const float* row, uint32_t thread) {
    std::copy_n(row, dim, buffers[thread].data());
    return buffers[thread][0];
  };
  const auto update = [&](float* row, uint32_t) {
    for (uint32_t d = 0; d < dim; ++d) row[d] = row[d] * 0.5f + 1.0f;
    return row[0];
  };
  return {.read_bytes = row_rate(table, dim, threads, read), .update_bytes = row_rate(table, dim, threads, update)};
}

Ceilings measure_ceilings(uint32_t threads) {
  const double flops = multiply_add_rate(threads, kernels().multiply_adds);
  const double bf16_flops = multiply_add_rate(threads, kernels().multiply_adds_bf16);
  return {.flops = flops,
          .bf16_flops = bf16_flops > 0 ? bf16_flops : flops,
          .memory_bytes = read_rate(threads, kMemoryFloats, 1),
          .cache_bytes = read_rate(threads, kCacheFloats * threads, 256)};
}

}  // namespace pairloom
