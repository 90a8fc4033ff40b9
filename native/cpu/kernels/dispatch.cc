#include "cpu/kernels/dispatch.h"

#include <atomic>
#include <cstring>

#include "cpu/kernels/isa.h"

namespace pairloom {
namespace {

struct Offer {
  const KernelTable* table;
  bool (*present)();
};

bool always() { return true; }

#if defined(__x86_64__)
// Each checks exactly the features that CMakeLists.txt compiles its table with. The builtin also checks that the
// operating system saves the wide registers.
bool has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool has_avx512bf16() { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }
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
