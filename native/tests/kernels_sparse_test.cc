// Embeddings, their products, and the optimizers against the plain twin.
#include <cstring>

#include "platform/pages.h"
#include "tests/kernels_fixture.h"

namespace pairloom::test {
namespace {

uint32_t dimension(Random& random) {
  constexpr uint32_t common[] = {4, 8, 10, 16, 32, 64, 128};
  return random.coin() ? common[random.below(7)] : 1 + random.below(70);
}

TEST(kernels_products_of_embeddings_match_plain) {
  for_each_isa_and_case(80, [](const KernelTable& k, Random& random, const std::string& name) {
    const uint32_t rows = 1 + random.below(20), fields = 1 + random.below(45), dim = dimension(random);
    const uint32_t pairs = fields * (fields - 1) / 2;
    const std::string where = name + " fields " + std::to_string(fields) + " dim " + std::to_string(dim);
    const Matrix x = Matrix::random(random, rows, fields * dim), dz = Matrix::random(random, rows, pairs);
    Matrix z(rows, pairs, 3), expected_z(rows, pairs, 0), dx(rows, fields * dim, 2), expected_dx(rows, fields * dim, 0);
    k.dot_interaction(x, z, rows, fields, dim);
    plain.dot_interaction(x, expected_z, rows, fields, dim);
    check_near(z, expected_z, 1e-5, where + " dot");
    k.dot_interaction_grad(dz, x, dx, rows, fields, dim);
    plain.dot_interaction_grad(dz, x, expected_dx, rows, fields, dim);
    check_near(dx, expected_dx, 1e-5, where + " dot grad");

    const Matrix dy = Matrix::random(random, rows, dim);
    Matrix y(rows, dim, 1), expected_y(rows, dim, 0);
    k.factorization_machine(x, y, rows, fields, dim);
    plain.factorization_machine(x, expected_y, rows, fields, dim);
    check_near(y, expected_y, 3e-5, where + " fm");
    k.factorization_machine_grad(dy, x, dx, rows, fields, dim);
    plain.factorization_machine_grad(dy, x, expected_dx, rows, fields, dim);
    check_near(dx, expected_dx, 1e-5, where + " fm grad");
  });
}

TEST(kernels_dot_interaction_gives_a_row_the_same_bits_alone_and_in_a_batch) {
  for_each_isa_and_case(20, [](const KernelTable& k, Random& random, const std::string&) {
    const uint32_t rows = 1 + random.below(40), fields = 2 + random.below(30), dim = dimension(random);
    const uint32_t pairs = fields * (fields - 1) / 2;
    const Matrix x = Matrix::random(random, rows, fields * dim);
    Matrix all(rows, pairs, 0), one(1, pairs, 0), dx(rows, fields * dim, 0), dx_one(1, fields * dim, 0);
    k.dot_interaction(x, all, rows, fields, dim);
    k.dot_interaction_grad(all, x, dx, rows, fields, dim);
    for (uint32_t r = 0; r < rows; ++r) {
      k.dot_interaction({&x.data[r * x.stride], x.stride}, one, 1, fields, dim);
      CHECK(std::memcmp(one.data.data(), &all.at(r, 0), pairs * sizeof(float)) == 0);
      k.dot_interaction_grad(one, {&x.data[r * x.stride], x.stride}, dx_one, 1, fields, dim);
      CHECK(std::memcmp(dx_one.data.data(), &dx.at(r, 0), fields * dim * sizeof(float)) == 0);
    }
  });
}

// Rows of random integers at the end of a page, after which nothing can be read.
class QuantizedTable {
 public:
  QuantizedTable(Random& random, QuantizedRow row, uint32_t rows) : row_(row), bytes_(size_t{rows} * row.words * 4) {
    pages_ = (bytes_ + kPage - 1) / kPage * kPage;
    memory_ = static_cast<char*>(map_pages(pages_ + kPage, true));
    CHECK(memory_ != nullptr);
    CHECK(guard_pages(memory_ + pages_, kPage));
    for (size_t i = 0; i < bytes_; ++i) begin()[i] = char(random.below(256));
    for (uint32_t r = 0; r < rows; ++r) {
      const float head[] = {random.between(0, 1), random.between(-1, 1)};
      std::memcpy(begin() + size_t{r} * row.words * 4, head, sizeof head);
    }
  }
  QuantizedTable(const QuantizedTable&) = delete;
  ~QuantizedTable() { unmap_pages(memory_, pages_ + kPage); }

  const float* data() { return reinterpret_cast<float*>(begin()); }
  // The number by the formula: 4-bit integers are in the low halves of the bytes, then in the high ones.
  float at(uint32_t r, uint32_t d) {
    const float* head = data() + size_t{r} * row_.words;
    const auto* bytes = reinterpret_cast<const uint8_t*>(head + 2);
    const uint32_t low = (row_.dim + 1) / 2;
    const uint32_t integer = row_.bits == 8 ? bytes[d] : d < low ? bytes[d] % 16 : bytes[d - low] / 16;
    return head[1] + head[0] * float(integer);
  }

 private:
  static constexpr size_t kPage = 4096;
  char* begin() { return memory_ + (pages_ - bytes_); }

  const QuantizedRow row_;
  const size_t bytes_;
  size_t pages_;
  char* memory_;
};

TEST(kernels_quantized_rows_have_the_numbers_of_their_formula) {
  for_each_isa_and_case(150, [](const KernelTable& k, Random& random, const std::string& name) {
    const uint32_t entries = 1 + random.below(40), rows = random.size(), dim = dimension(random), bits = random.coin() ? 8 : 4;
    const QuantizedRow row{2 + (dim * bits + 31) / 32, dim, bits};
    QuantizedTable table(random, row, entries);
    std::vector<int32_t> ids(rows);
    for (int32_t& id : ids) id = int32_t(random.coin() ? entries - 1 : random.below(entries));
    Matrix y(rows, dim, 3), sums(rows, dim, 1);
    k.quantized_embedding(table.data(), row, {ids.data(), false}, 1, y, rows);
    std::vector<Bag> bags;
    for (const int32_t& id : ids) bags.push_back({&id, nullptr, 1, 0});
    k.quantized_embedding_bag(table.data(), row, bags.data(), 1, false, sums, rows, false);
    for (uint32_t r = 0; r < rows; ++r) {
      for (uint32_t d = 0; d < dim; ++d) {
        CHECK_EQ(y.at(r, d), table.at(uint32_t(ids[r]), d));
        CHECK_EQ(sums.at(r, d), table.at(uint32_t(ids[r]), d));
      }
    }
    y.check_guards();
    sums.check_guards();
  });
}

TEST(kernels_embeddings_match_plain) {
  for_each_isa_and_case(80, [](const KernelTable& k, Random& random, const std::string& name) {
    const uint32_t rows = random.size(), dim = dimension(random), entries = 1 + random.below(200);
    const std::string where = name + " dim " + std::to_string(dim);
    const std::vector<float> table = random_vector(random, size_t(entries) * dim);
    const size_t id_stride = 1 + random.below(3), bag_stride = 1 + random.below(2);
    std::vector<int32_t> ids(rows * id_stride);
    for (int32_t& id : ids) id = static_cast<int32_t>(random.below(entries));
    Matrix got(rows, dim, random.below(5)), expected(rows, dim, 0);
    k.embedding({table.data(), TableFormat::kFp32}, dim, {ids.data(), false}, id_stride, got, rows);
    plain.embedding({table.data(), TableFormat::kFp32}, dim, {ids.data(), false}, id_stride, expected, rows);
    check_near(got, expected, 0, where);
    const std::vector<int64_t> wide_ids(ids.begin(), ids.end());
    k.embedding({table.data(), TableFormat::kFp32}, dim, {wide_ids.data(), true}, id_stride, got, rows);
    check_near(got, expected, 0, where + " wide ids");

    std::vector<int32_t> values(rows * 6 + 1);
    for (int32_t& id : values) id = static_cast<int32_t>(random.below(entries));
    const std::vector<float> weights = random_vector(random, values.size());
    const bool weighted = random.coin();
    std::vector<Bag> bags(rows * bag_stride);
    for (uint32_t r = 0; r < rows; ++r) {
      const uint32_t count = random.below(7);  // often empty
      const uint32_t first = random.below(rows * 6 + 1 - count);
      bags[r * bag_stride] = {count == 0 ? nullptr : values.data() + first, weighted ? weights.data() + first : nullptr,
                              count, 0};
    }
    const bool mean = random.coin();
    k.embedding_bag({table.data(), TableFormat::kFp32}, dim, bags.data(), bag_stride, false, got, rows, mean);
    plain.embedding_bag({table.data(), TableFormat::kFp32}, dim, bags.data(), bag_stride, false, expected, rows, mean);
    check_near(got, expected, 1e-6, where + " bag");
    const std::vector<int64_t> wide(values.begin(), values.end());
    for (Bag& bag : bags) {
      if (bag.data != nullptr) bag.data = wide.data() + (bag.ids<int32_t>() - values.data());
    }
    k.embedding_bag({table.data(), TableFormat::kFp32}, dim, bags.data(), bag_stride, true, got, rows, mean);
    check_near(got, expected, 1e-6, where + " bag of wide ids");
  });
}

struct State {
  std::vector<float> w, a, b;
};
void check_state(const State& got, const State& expected, double tolerance, const std::string& where) {
  check_near(got.w, expected.w, tolerance, where + " w");
  check_near(got.a, expected.a, tolerance, where + " first state");
  check_near(got.b, expected.b, tolerance, where + " second state");
}

TEST(kernels_optimizers_match_plain) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string& where) {
    const size_t n = random.size();
    const State start = {random_vector(random, n), random_vector(random, n, 0, 1), random_vector(random, n, 0, 1)};
    const std::vector<float> g = random_vector(random, n);
    const float l2 = random.coin() ? 0.0f : 0.01f;
    const AdamSettings settings = {0.9f,   0.999f,   0.1f, 0.001f, 1e-8f, l2, random.coin() ? 0.0f : 0.1f,
                                   0.271f, 0.002997f};
    const auto check = [&](const char* name, auto run) {
      State got = start, expected = start;
      run(k, got);
      run(plain, expected);
      check_state(got, expected, 1e-6, where + " " + name);
    };
    check("sgd", [&](const KernelTable& t, State& s) { t.sgd(s.w.data(), g.data(), n, 0.1f, l2); });
    const MomentumSettings moving = {0.9f, random.coin() ? 1.0f : 0.7f, l2, random.coin()};
    check("momentum",
          [&](const KernelTable& t, State& s) { t.momentum(s.w.data(), g.data(), s.a.data(), n, 0.1f, moving); });
    check("adagrad",
          [&](const KernelTable& t, State& s) { t.adagrad(s.w.data(), g.data(), s.a.data(), n, 0.1f, 1e-8f, l2); });
    check("row-wise adagrad", [&](const KernelTable& t, State& s) {
      t.row_wise_adagrad(s.w.data(), g.data(), s.a.data(), n, 0.1f, 1e-8f, l2);
    });
    check("adam", [&](const KernelTable& t, State& s) {
      t.adam(s.w.data(), g.data(), s.a.data(), s.b.data(), n, 0.01f, settings);
    });
    const FadingSettings fading = {0.9f, 0.1f, 1e-6f, l2};
    check("rmsprop",
          [&](const KernelTable& t, State& s) { t.rmsprop(s.w.data(), g.data(), s.a.data(), n, 0.01f, fading); });
    check("adadelta", [&](const KernelTable& t, State& s) {
      t.adadelta(s.w.data(), g.data(), s.a.data(), s.b.data(), n, 1.0f, fading);
    });
    check("lamb", [&](const KernelTable& t, State& s) {
      t.lamb(s.w.data(), g.data(), s.a.data(), s.b.data(), n, 0.01f, settings);
    });
    check("partial row-wise adam", [&](const KernelTable& t, State& s) {
      t.partial_row_wise_adam(s.w.data(), g.data(), s.a.data(), s.b.data(), n, 0.01f, settings);
    });
    check("partial row-wise lamb", [&](const KernelTable& t, State& s) {
      t.partial_row_wise_lamb(s.w.data(), g.data(), s.a.data(), s.b.data(), n, 0.01f, settings);
    });
    check("lars sgd", [&](const KernelTable& t, State& s) {
      t.lars_sgd(s.w.data(), g.data(), s.a.data(), n, 0.5f, {0.9f, 0.1f, settings.weight_decay, l2});
    });
    check("moving average",
          [&](const KernelTable& t, State& s) { t.moving_average(s.a.data(), g.data(), n, 0.99f, 0.01f); });
    check("clip", [&](const KernelTable& t, State& s) { t.clip_value(g.data(), s.a.data(), n, 0.3f); });
    check("scale", [&](const KernelTable& t, State& s) { t.scale_by(g.data(), s.a.data(), n, 0.3f); });
    check("sum of squares", [&](const KernelTable& t, State& s) { s.a[0] = t.sum_squares(g.data(), n) / float(n); });
    check("accumulate", [&](const KernelTable& t, State& s) { t.accumulate(s.w.data(), g.data(), n, 0.25f); });
  });
}

TEST(kernels_sum_along_tree_has_the_bits_of_plain) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string&) {
    const size_t n = random.size(), count = 1 + random.below(40);
    std::vector<std::vector<float>> terms;
    std::vector<TreeTerm> tree;
    int32_t sums = 0;
    for (size_t t = 0; t < count; ++t) {
      terms.push_back(random_vector(random, n));
      const float scale = random.coin() ? 1.0f : 0.37f;
      const bool same = sums > 0 && (random.coin() || sums == int32_t(kMostTreeSums));
      const int32_t folds = same ? TreeTerm::kSameSum : int32_t(random.below(uint32_t(std::max(sums, 1))));
      if (!same) sums += 1 - folds;
      tree.push_back({terms.back().data(), scale, folds});
    }
    std::vector<float> got(n), expected(n);
    k.sum_along_tree(tree.data(), count, got.data(), n);
    plain.sum_along_tree(tree.data(), count, expected.data(), n);
    CHECK(got == expected);
  });
}

// The ratios of norms where a norm is 0.
TEST(kernels_trust_ratios_of_rows_of_zeros_are_numbers) {
  for_each_isa_and_case(3, [](const KernelTable& k, Random& random, const std::string&) {
    const size_t n = 1 + random.below(40);
    const std::vector<float> g = random_vector(random, n), zeros(n);
    State s = {zeros, zeros, zeros};
    k.lars_sgd(s.w.data(), g.data(), s.a.data(), n, 1, {0.9f, 0.001f, 0, 0});  // a rate in proportion to |w| = 0
    CHECK(s.w == zeros && s.a == zeros);
    k.lars_sgd(s.w.data(), zeros.data(), s.a.data(), n, 1, {0.9f, 0.001f, 0.1f, 0});
    CHECK(s.w == zeros && s.a == zeros);
    const AdamSettings settings = {0.9f, 0.999f, 0.1f, 0.001f, 1e-8f, 0, 0, 0.1f, 0.001f};
    k.partial_row_wise_lamb(s.w.data(), zeros.data(), s.a.data(), s.b.data(), n, 1, settings);
    CHECK(s.w == zeros);
    k.partial_row_wise_lamb(s.w.data(), g.data(), s.a.data(), s.b.data(), n, 1, settings);  // a ratio of 1
    double length = 0, sum = 0;
    for (size_t i = 0; i < n; ++i) length += double(s.w[i]) * s.w[i], sum += double(g[i]) * g[i];
    // m / c1 = g, v / c2 = mean(g^2): a step of norm sqrt(n).
    CHECK(sum == 0 || std::abs(std::sqrt(length / double(n)) - 1) < 1e-3);
  });
}

// Workers cut the parameters into chunks: where they cut must not show.
TEST(kernels_optimizers_give_the_same_bits_in_chunks) {
  for_each_isa_and_case(20, [](const KernelTable& k, Random& random, const std::string&) {
    const size_t n = 200, cut = random.below(n);
    const AdamSettings settings = {0.9f, 0.999f, 0.1f, 0.001f, 1e-8f, 0.01f, 0.1f, 0.1f, 0.001f};
    State whole = {random_vector(random, n), random_vector(random, n, 0, 1), random_vector(random, n, 0, 1)},
          parts = whole;
    const std::vector<float> g = random_vector(random, n);
    const auto run = [&](State& s, size_t from, size_t to) {
      k.adam(&s.w[from], &g[from], &s.a[from], &s.b[from], to - from, 0.01f, settings);
      k.adagrad(&s.w[from], &g[from], &s.a[from], to - from, 0.01f, 1e-8f, 0.1f);
      k.sgd(&s.w[from], &g[from], to - from, 0.01f, 0.1f);
    };
    run(whole, 0, n);
    run(parts, 0, cut);
    if (cut < n) run(parts, cut, n);
    CHECK(std::memcmp(whole.w.data(), parts.w.data(), n * sizeof(float)) == 0);
    CHECK(std::memcmp(whole.a.data(), parts.a.data(), n * sizeof(float)) == 0);
  });
}

}  // namespace
}  // namespace pairloom::test
