#include "cpu/kernels/dispatch.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <initializer_list>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "cpu/kernels/isa.h"

namespace pairloom {
namespace {

struct Offer {
  const KernelTable* table;
  bool (*present)();
};

bool always() { return true; }

#if defined(__x86_64__)
// Registers of cpuid by leaf (the SDM of Intel, volume 2, CPUID), and what the operating system saves for each thread.
// The builtins of the compilers do not know every feature, and not every run-time library has them.
enum Register { kEbx, kEcx, kEdx, kEax };

bool has(uint32_t leaf, uint32_t subleaf, Register reg, std::initializer_list<int> bits) {
  uint32_t values[4] = {};
  if (!__get_cpuid_count(leaf, subleaf, &values[kEax], &values[kEbx], &values[kEcx], &values[kEdx])) return false;
  return std::ranges::all_of(bits, [&](int bit) { return values[reg] >> bit & 1; });
}

bool saves(uint32_t states) {
  if (!has(1, 0, kEcx, {27})) return false;  // osxsave: xgetbv can be used
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & states) == states;
}

// Each checks exactly the features that CMakeLists.txt compiles its table with.
bool has_avx2() {
  return saves(0x6) && has(1, 0, kEcx, {12, 28, 29}) &&  // fma, avx, f16c
         has(7, 0, kEbx, {3, 5, 8});                     // bmi, avx2, bmi2
}
bool has_avx512() {
  return has_avx2() && saves(0xe6) && has(7, 0, kEbx, {16, 17, 30, 31});  // avx512f, dq, bw, vl
}
bool has_avx512bf16() { return has_avx512() && has(7, 1, kEax, {5}); }
constexpr Offer kOffers[] = {{&avx512bf16::table, has_avx512bf16},
                             {&avx512::table, has_avx512},
                             {&avx2::table, has_avx2},
                             {&baseline::table, always}};
#elif defined(__aarch64__)
constexpr Offer kOffers[] = {{&neon::table, always}};
#else
constexpr Offer kOffers[] = {{&baseline::table, always}};
#endif

const KernelTable* fastest() {
  for (const Offer& offer : kOffers)
    if (offer.present()) return offer.table;
  return nullptr;  // not reached: the last entry is always available
}

std::atomic<const KernelTable*>& selected() {
  static std::atomic<const KernelTable*> table = fastest();
  return table;
}

}  // namespace

const KernelTable& kernels() { return *selected().load(std::memory_order_relaxed); }

bool select_isa(const char* name) {
  for (const Offer& offer : kOffers) {
    if (std::strcmp(offer.table->isa, name) != 0 || !offer.present()) continue;
    selected().store(offer.table, std::memory_order_relaxed);
    return true;
  }
  return false;
}

std::vector<const char*> available_isas() {
  std::vector<const char*> names;
  for (const Offer& offer : kOffers)
    if (offer.present()) names.push_back(offer.table->isa);
  return names;
}

}  // namespace pairloom
