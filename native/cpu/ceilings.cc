#include "cpu/ceilings.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstring>
#include <functional>
#include <iterator>
#include <thread>
#include <vector>

#include "runtime/memory.h"
#include "cpu/kernels/dispatch.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pairloom {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kChains = 12;  // enough to hide the latency of a multiply-add on two units, and 12 + 2 registers
constexpr uint64_t kRounds = 80'000;

// Loops that only measure throughput. Each returns its result, so that the compiler cannot remove it.
struct Loops {
  const char* isa;
  size_t lanes;
  float (*multiply_add)(uint64_t rounds, float factor, float term);  // rounds * kChains vectors
  float (*read)(const float* data, size_t count);                    // a multiple of 128 floats
  float (*multiply_add_bf16)(uint64_t rounds);                       // or null; rounds * kChains vectors of pairs
};

// The instruction sets of kernels/CMakeLists.txt, without a file for each. Compiled with -ffp-contract=fast: a product
// and a sum become one instruction if the set has it.
#define PAIRLOOM_LOOPS(name, target, bytes)                                                    \
  typedef float name##_vector __attribute__((vector_size(bytes), may_alias));                  \
  target float name##_multiply_add(uint64_t rounds, float factor, float term) {                \
    name##_vector sums[kChains], a = {}, b = {};                                               \
    a += factor, b += term;                                                                    \
    for (size_t i = 0; i < kChains; ++i) sums[i] = b * float(i);                               \
    for (uint64_t round = 0; round < rounds; ++round)                                          \
      _Pragma("GCC unroll 12") for (size_t i = 0; i < kChains; ++i) sums[i] = sums[i] * a + b; \
    name##_vector sum = sums[0];                                                               \
    for (size_t i = 1; i < kChains; ++i) sum += sums[i];                                       \
    return sum[0] + sum[1];                                                                    \
  }                                                                                            \
  target float name##_read(const float* data, size_t count) {                                  \
    constexpr size_t kLanes = bytes / sizeof(float), kVectors = 8;                             \
    name##_vector sums[kVectors] = {};                                                         \
    for (const float* end = data + count; data < end; data += kVectors * kLanes)               \
      _Pragma("GCC unroll 8") for (size_t i = 0; i < kVectors; ++i) sums[i] +=                 \
          *reinterpret_cast<const name##_vector*>(data + i * kLanes);                          \
    name##_vector sum = sums[0];                                                               \
    for (size_t i = 1; i < kVectors; ++i) sum += sums[i];                                      \
    return sum[0];                                                                             \
  }

#if defined(__x86_64__)
PAIRLOOM_LOOPS(avx512, __attribute__((target("avx512f,fma,prefer-vector-width=512"))), 64)
PAIRLOOM_LOOPS(avx2, __attribute__((target("avx2,fma"))), 32)
PAIRLOOM_LOOPS(baseline, , 16)

__attribute__((target("avx512f,avx512bf16"))) float avx512_multiply_add_bf16(uint64_t rounds) {
  __m512 sums[kChains];
  for (size_t i = 0; i < kChains; ++i) sums[i] = _mm512_set1_ps(float(i));
  const auto half = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3f00));  // 0.5
  for (uint64_t round = 0; round < rounds; ++round)
    _Pragma("GCC unroll 12") for (size_t i = 0; i < kChains; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], half, half);
  __m512 sum = sums[0];
  for (size_t i = 1; i < kChains; ++i) sum += sums[i];
  return sum[0];
}

constexpr Loops kLoops[] = {{"avx512bf16", 16, avx512_multiply_add, avx512_read, avx512_multiply_add_bf16},
                            {"avx512", 16, avx512_multiply_add, avx512_read, nullptr},
                            {"avx2", 8, avx2_multiply_add, avx2_read, nullptr},
                            {"baseline", 4, baseline_multiply_add, baseline_read, nullptr}};
#else
PAIRLOOM_LOOPS(plain, , 16)
constexpr Loops kLoops[] = {{"", 4, plain_multiply_add, plain_read, nullptr}};
#endif

const Loops& loops() {
  const auto found = std::find_if(std::begin(kLoops), std::end(kLoops),
                                  [](const Loops& l) { return std::strcmp(l.isa, kernels().isa) == 0; });
  return found == std::end(kLoops) ? kLoops[std::size(kLoops) - 1] : *found;
}

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

// Bytes per second when each thread reads its own part of `total` floats.
double read_rate(const Loops& loop, uint32_t threads, size_t total, size_t passes) {
  constexpr size_t kUnit = 128;
  const size_t part = total / threads / kUnit * kUnit;
  const Arena memory(part * threads);
  std::fill_n(memory.data(), part * threads, 1.0f);  // pages that were never written may all map to the same page
  return rate(threads, double(part * sizeof(float) * passes), [&](uint32_t thread) {
    float sum = 0;
    for (size_t pass = 0; pass < passes; ++pass) sum += loop.read(memory.data() + thread * part, part);
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
  const Loops& loop = loops();
  const double work = 2.0 * kRounds * kChains * double(loop.lanes);
  const double flops = rate(threads, work, [&](uint32_t) { return loop.multiply_add(kRounds, 0.5f, 1.0f); });
  const bool pairs = loop.multiply_add_bf16 != nullptr;
  return {
      .flops = flops,
      .bf16_flops = pairs ? rate(threads, 2 * work, [&](uint32_t) { return loop.multiply_add_bf16(kRounds); }) : flops,
      .memory_bytes = read_rate(loop, threads, kMemoryFloats, 1),
      .cache_bytes = read_rate(loop, threads, kCacheFloats * threads, 256)};
}

}  // namespace pairloom
