// pairloom_kernels_bench [isa] [filter]: prints one line per kernel and shape, the best of several repetitions on one
// core.
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "cpu/kernels/dispatch.h"
#include "runtime/random.h"

namespace pairloom {
namespace {

double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

double seconds_of(const std::function<void()>& run, int calls) {
  const double start = cpu_seconds();
  for (int i = 0; i < calls; ++i) run();
  return (cpu_seconds() - start) / calls;
}

// Seconds per call: the best of 7 windows of about 20 ms.
double measure(const std::function<void()>& run) {
  const int calls = std::max(1, static_cast<int>(0.02 / std::max(seconds_of(run, 3), 1e-8)));
  double best = 1e9;
  for (int i = 0; i < 7; ++i) best = std::min(best, seconds_of(run, calls));
  return best;
}

// Floats in [-1, 1) in huge pages if the system has them, like the executor's tables.
class Floats {
 public:
  explicit Floats(size_t n) {
    const size_t bytes = (n * sizeof(float) + kHugePage - 1) / kHugePage * kHugePage;
    data_ = static_cast<float*>(std::aligned_alloc(kHugePage, bytes));
#if defined(MADV_HUGEPAGE)
    madvise(data_, bytes, MADV_HUGEPAGE);
#endif
    const RandomKey key = random_key(n, 0, 0);
    for (size_t i = 0; i < n; ++i) data_[i] = static_cast<float>(draw(key, static_cast<uint32_t>(i))) * 0x1p-31f - 1;
  }
  Floats(const Floats&) = delete;
  ~Floats() { std::free(data_); }
  float* data() { return data_; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;
  float* data_;
};

const char* filter = "";

void report(const std::string& name, const char* unit, double work, const std::function<void()>& run) {
  if (name.find(filter) == std::string::npos) return;
  const double seconds = measure(run);
  std::printf("%-44s %9.2f us %9.1f %s\n", name.c_str(), seconds * 1e6, work / seconds / 1e9, unit);
}

struct Shape {
  uint32_t k, n;
};
constexpr Shape kLayers[] = {{13, 512},  {512, 256}, {256, 64},    {64, 16},
                             {367, 512}, {256, 1},   {1024, 1024}, {1024, 512}};

// Row stride in floats, as the executor lays out activations: never a multiple of 2 KiB.
uint32_t stride_of(uint32_t n) { return n % 512 == 0 ? n + 16 : n; }

void bench_layer(const char* format, const LinearKernels& t, Shape s, uint32_t rows) {
  const uint32_t in = stride_of(s.k), out = stride_of(s.n);
  Floats x(size_t(rows) * in), w(size_t(s.n) * s.k), bias(s.n), y(size_t(rows) * out), dx(size_t(rows) * in);
  Floats forward(t.packed_size(s.n, s.k)), backward(t.packed_size(s.k, s.n)), dw(size_t(s.n) * s.k);
  Floats scratch(t.scratch_size(rows, s.n, s.k));
  t.pack_forward(w.data(), s.n, s.k, {0, s.n}, forward.data());
  t.pack_backward(w.data(), s.n, s.k, {0, s.k}, backward.data());
  const std::string shape = std::string(" ") + format + " " + std::to_string(s.k) + "x" + std::to_string(s.n) +
                            " rows " + std::to_string(rows);
  const double flop = 2.0 * rows * s.n * s.k;
  report("linear" + shape, "GFLOP/s", flop, [&] {
    t.forward({x.data(), in}, forward.data(), bias.data(), {y.data(), out}, rows, s.n, s.k, Activation::kRelu,
              scratch.data());
  });
  if (rows == 1) return;
  report("grad_input" + shape, "GFLOP/s", flop, [&] {
    t.grad_input({y.data(), out}, backward.data(), {}, {dx.data(), in}, rows, s.n, s.k, scratch.data());
  });
  report("grad_weight" + shape, "GFLOP/s", flop, [&] {
    t.grad_weight({y.data(), out}, {x.data(), in}, dw.data(), {rows, rows}, s.n, s.k, false, scratch.data());
  });
  report("pack_forward" + shape, "Gfloat/s", s.n * s.k, [&] {
    t.pack_forward(w.data(), s.n, s.k, {0, s.n}, forward.data());
  });
  report("pack_backward" + shape, "Gfloat/s", s.n * s.k, [&] {
    t.pack_backward(w.data(), s.n, s.k, {0, s.k}, backward.data());
  });
}

void bench_products(const KernelTable& t, uint32_t fields, uint32_t dim) {
  const uint32_t rows = 128, pairs = fields * (fields - 1) / 2, width = fields * dim;
  Floats x(rows * width), z(rows * pairs), dx(rows * width), y(rows * dim);
  const std::string shape = std::to_string(fields) + "x" + std::to_string(dim) + " rows 128";
  const double flop = 2.0 * rows * pairs * dim;
  report("dot_interaction " + shape, "GFLOP/s (upper triangle)", flop, [&] {
    t.dot_interaction({x.data(), width}, {z.data(), pairs}, rows, fields, dim);
  });
  report("dot_interaction_grad " + shape, "GFLOP/s", 2 * flop, [&] {
    t.dot_interaction_grad({z.data(), pairs}, {x.data(), width}, {dx.data(), width}, rows, fields, dim);
  });
  report("factorization_machine " + shape, "Gfloat/s", rows * width, [&] {
    t.factorization_machine({x.data(), width}, {y.data(), dim}, rows, fields, dim);
  });
  report("factorization_machine_grad " + shape, "Gfloat/s", rows * width, [&] {
    t.factorization_machine_grad({y.data(), dim}, {x.data(), width}, {dx.data(), width}, rows, fields, dim);
  });
}

void bench_embedding(const KernelTable& t, uint32_t dim, uint32_t rows) {
  const size_t entries = (size_t{512} << 20) / (dim * 4);  // half a GiB
  static Floats table((size_t{512} << 20) / sizeof(float));
  std::vector<int32_t> ids(1 << 20);
  const RandomKey key = random_key(1, 1, 1);
  for (uint32_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(draw(key, i) % entries);
  Floats y(size_t(rows) * dim);
  report("embedding dim " + std::to_string(dim) + " rows " + std::to_string(rows), "Mrow/s", double(ids.size()) * 1e3,
         [&] {
           for (uint32_t r = 0; r + rows <= ids.size(); r += rows)
             t.embedding({table.data(), TableFormat::kFp32}, dim, {ids.data() + r, false}, 1, {y.data(), dim}, rows);
         });
}

// As bundles have them (src/quantized-rows.ts): a row is in no more cache lines than in fp32.
uint32_t quantized_words(uint32_t dim, uint32_t bits) {
  const auto lines = [](uint32_t words) { return 16 + words - std::min(16u, words & -words); };
  const uint32_t least = 2 + (dim * bits + 31) / 32;
  uint32_t words = least;
  while (words < dim && lines(words) > lines(dim)) ++words;
  return words < dim ? words : least;
}

// Random rows of tables with as many rows, as numbers and as integers of 8 and 4 bits.
void bench_quantized(const KernelTable& t, uint32_t dim) {
  constexpr uint32_t kEntries = 4'000'000, kBatch = 256, kLookups = 1 << 20;
  std::vector<int32_t> ids(kLookups);
  const RandomKey key = random_key(1, 1, 1);
  for (uint32_t i = 0; i < kLookups; ++i) ids[i] = static_cast<int32_t>(draw(key, i) % kEntries);
  Floats y(size_t(kBatch) * dim);
  const auto run = [&](const std::string& name, uint32_t words, const auto& look_up) {
    Floats table(size_t(kEntries) * words);
    report(name + " dim " + std::to_string(dim) + " of 4M rows", "Mrow/s", double(kLookups) * 1e3, [&] {
      for (uint32_t i = 0; i < kLookups; i += kBatch) look_up(table.data(), ConstIds{ids.data() + i, false});
    });
  };
  run("embedding fp32", dim, [&](const float* table, ConstIds batch) {
    t.embedding({table, TableFormat::kFp32}, dim, batch, 1, {y.data(), dim}, kBatch);
  });
  for (const uint32_t bits : {8u, 4u}) {
    const uint32_t words = quantized_words(dim, bits);
    run("embedding int" + std::to_string(bits), words, [&](const float* table, ConstIds batch) {
      t.quantized_embedding(table, {words, dim, bits}, batch, 1, {y.data(), dim}, kBatch);
    });
  }
}

void bench_elements(const KernelTable& t) {
  constexpr uint32_t kRows = 128, n = 256;
  const size_t all = size_t(kRows) * n;
  Floats x(all), dy(all), y(all), state1(all), state2(all);
  const ConstRows in = {x.data(), n};
  const Rows out = {y.data(), n};
  const char* names[] = {"none", "relu", "sigmoid", "tanh", "leakyRelu", "silu", "gelu", "softplus", "elu"};
  for (uint32_t a = 0; a < 9; ++a) {
    const Activation act = static_cast<Activation>(a);
    report(std::string("activation ") + names[a], "Gelement/s", double(all),
           [&] { t.activation(in, out, kRows, n, act); });
    report(std::string("activation_grad ") + names[a], "Gelement/s", double(all), [&] {
      t.activation_grad({dy.data(), n}, in, out, kRows, n, act);
    });
  }
  report("dropout", "Gelement/s", double(all), [&] { t.dropout(in, out, kRows, n, {1, 2}, 0, 1u << 30, 1.3f); });
  report("sum_rows", "Gelement/s", double(all), [&] { t.sum_rows(in, y.data(), kRows, n); });
  report("layer_norm", "Gelement/s", double(all),
         [&] { t.layer_norm(in, dy.data(), state1.data(), out, kRows, n, 1e-5f); });
  report("batch_moments", "Gelement/s", double(all),
         [&] { t.batch_moments(in, state1.data(), state2.data(), kRows, n); });
  Floats w(all), g(all), m(all), v(all);
  for (size_t i = 0; i < all; ++i) v.data()[i] *= v.data()[i];
  const AdamSettings settings = {0.9f, 0.999f, 0.1f, 0.001f, 1e-8f, 0, 0, 0.1f, 0.001f};
  report("adam", "Gelement/s", double(all),
         [&] { t.adam(w.data(), g.data(), m.data(), v.data(), all, 1e-9f, settings); });
  report("adagrad", "Gelement/s", double(all), [&] { t.adagrad(w.data(), g.data(), v.data(), all, 1e-9f, 1e-8f, 0); });
  report("sgd", "Gelement/s", double(all), [&] { t.sgd(w.data(), g.data(), all, 1e-9f, 0); });
}

void run() {
  const KernelTable& t = kernels();
  std::printf("%s\n", t.isa);
  for (const uint32_t rows : {1u, 64u, 256u})
    for (const Shape s : kLayers) {
      bench_layer("f32", t.linear_f32, s, rows);
      bench_layer("bf16", t.linear_bf16, s, rows);
    }
  bench_products(t, 27, 16);
  bench_products(t, 39, 10);
  bench_products(t, 27, 128);
  for (const uint32_t dim : {16u, 64u, 128u})
    for (const uint32_t rows : {128u, 4096u}) bench_embedding(t, dim, rows);
  for (const uint32_t dim : {8u, 16u, 20u, 32u, 64u}) bench_quantized(t, dim);
  bench_elements(t);
}

}  // namespace
}  // namespace pairloom

int main(int argc, char** argv) {
  if (argc > 1 && !pairloom::select_isa(argv[1])) {
    std::fprintf(stderr, "No instruction set '%s' here; there are:", argv[1]);
    for (const char* name : pairloom::available_isas()) std::fprintf(stderr, " %s", name);
    std::fprintf(stderr, "\n");
    return 2;
  }
  if (argc > 2) pairloom::filter = argv[2];
  pairloom::run();
  return 0;
}
