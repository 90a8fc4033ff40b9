#include "tests/kernels_plain.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <vector>

#include "runtime/random.h"

namespace pairloom::test {
namespace {

double activate(double x, Activation act) {
  switch (act) {
    case Activation::kNone: return x;
    case Activation::kRelu: return x < 0 ? 0 : x;
    case Activation::kSigmoid: return 1 / (1 + std::exp(-x));
    case Activation::kTanh: return std::tanh(x);
    case Activation::kLeakyRelu: return x < 0 ? 0.01 * x : x;
    case Activation::kSilu: return x / (1 + std::exp(-x));
    case Activation::kGelu: return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::kSoftplus: return (x < 0 ? 0 : x) + std::log1p(std::exp(-std::fabs(x)));
    case Activation::kElu: return x < 0 ? std::expm1(x) : x;
    case Activation::kSin: return std::sin(x);
    case Activation::kCos: return std::cos(x);
  }
  return NAN;
}

// d act / dx, from s: the output, or the input for silu, gelu, softplus, sin and cos.
double slope(double s, Activation act) {
  const double sigmoid = 1 / (1 + std::exp(-s));
  switch (act) {
    case Activation::kNone: return 1;
    case Activation::kRelu: return s <= 0 ? 0 : 1;
    case Activation::kSigmoid: return s * (1 - s);
    case Activation::kTanh: return 1 - s * s;
    case Activation::kLeakyRelu: return s <= 0 ? 0.01 : 1;
    case Activation::kSilu: return sigmoid * (1 + s * (1 - sigmoid));
    case Activation::kGelu:
      return 0.5 * (1 + std::erf(s / std::sqrt(2.0))) + s * std::exp(-s * s / 2) / std::sqrt(2 * std::numbers::pi);
    case Activation::kSoftplus: return sigmoid;
    case Activation::kElu: return s <= 0 ? s + 1 : 1;
    case Activation::kSin: return std::cos(s);
    case Activation::kCos: return -std::sin(s);
  }
  return NAN;
}

// f(r, c) for every element.
template <class F>
void each(uint32_t rows, uint32_t n, F f) {
  for (uint32_t r = 0; r < rows; ++r)
    for (uint32_t c = 0; c < n; ++c) f(r, c);
}
template <class F>
double sum(uint32_t n, F f) {
  double s = 0;
  for (uint32_t i = 0; i < n; ++i) s += f(i);
  return s;
}

// Operands as they are, or the nearest number with eight significant bits, the even one of two equally near.
float exact(float v) { return v; }
float to_bf16(float v) {
  if (v == 0 || !std::isfinite(v)) return v;
  int exponent;
  const double digits = std::ldexp(std::frexp(double(v), &exponent), 8);  // 128 <= |digits| < 256
  return float(std::ldexp(std::nearbyint(digits), exponent - 8));
}

template <float (*kRound)(float)>
struct Linear {
  static size_t packed_size(uint32_t columns, uint32_t depth) { return static_cast<size_t>(columns) * depth; }
  static size_t scratch_size(uint32_t, uint32_t, uint32_t) { return 0; }

  static void pack(const float* w, uint32_t n, uint32_t k, PackedColumns, float* packed) {
    for (size_t i = 0; i < static_cast<size_t>(n) * k; ++i) packed[i] = w[i];
  }

  static double product(float a, float b) { return double(kRound(a)) * kRound(b); }

  static void forward(ConstRows x, const float* w, const float* bias, Rows y, uint32_t rows, uint32_t n, uint32_t k,
                      Activation act, float*) {
    each(rows, n, [&](uint32_t r, uint32_t c) {
      const double z = sum(k, [&](uint32_t p) { return product(x.row(r)[p], w[size_t(c) * k + p]); });
      y.row(r)[c] = activate(z + (bias ? bias[c] : 0.0f), act);
    });
  }

  static void grad_input(ConstRows dz, const float* w, const Slope& slope, Rows dx, uint32_t rows, uint32_t n,
                         uint32_t k, float*) {
    each(rows, k, [&](uint32_t r, uint32_t c) {
      const double d = sum(n, [&](uint32_t p) { return product(dz.row(r)[p], w[size_t(p) * k + c]); });
      dx.row(r)[c] = slope.s.data == nullptr ? d : d * pairloom::test::slope(slope.s.row(r)[c], slope.act);
    });
  }

  static void grad_weight(ConstRows dz, ConstRows x, float* dw, RowParts rows, uint32_t n, uint32_t k, bool add,
                          float*) {
    each(n, k, [&](uint32_t i, uint32_t j) {
      const double s = sum(rows.count, [&](uint32_t r) { return product(dz.row(r)[i], x.row(r)[j]); });
      dw[size_t(i) * k + j] = (add ? dw[size_t(i) * k + j] : 0.0) + s;
    });
  }

  static constexpr LinearKernels kernels() {
    return {packed_size, scratch_size, pack, forward, pack, grad_input, grad_weight};
  }
};

void sum_rows(ConstRows x, float* out, uint32_t rows, uint32_t n) {
  for (uint32_t c = 0; c < n; ++c) out[c] = sum(rows, [&](uint32_t r) { return x.row(r)[c]; });
}

void activation(ConstRows x, Rows y, uint32_t rows, uint32_t n, Activation act) {
  each(rows, n, [&](uint32_t r, uint32_t c) { y.row(r)[c] = activate(x.row(r)[c], act); });
}
void activation_grad(ConstRows dy, ConstRows s, Rows dx, uint32_t rows, uint32_t n, Activation act) {
  each(rows, n, [&](uint32_t r, uint32_t c) { dx.row(r)[c] = dy.row(r)[c] * slope(s.row(r)[c], act); });
}
void copy(ConstRows x, Rows y, uint32_t rows, uint32_t n) {
  each(rows, n, [&](uint32_t r, uint32_t c) { y.row(r)[c] = x.row(r)[c]; });
}
void add(ConstRows a, ConstRows b, Rows y, uint32_t rows, uint32_t n) {
  each(rows, n, [&](uint32_t r, uint32_t c) { y.row(r)[c] = a.row(r)[c] + b.row(r)[c]; });
}
void multiply(ConstRows a, ConstRows b, Rows y, uint32_t rows, uint32_t n) {
  each(rows, n, [&](uint32_t r, uint32_t c) { y.row(r)[c] = a.row(r)[c] * b.row(r)[c]; });
}
void scale(ConstRows x, float factor, Rows y, uint32_t rows, uint32_t n) {
  each(rows, n, [&](uint32_t r, uint32_t c) { y.row(r)[c] = x.row(r)[c] * factor; });
}
void sum_columns(ConstRows x, Rows y, uint32_t rows, uint32_t n) {
  for (uint32_t r = 0; r < rows; ++r) *y.row(r) = sum(n, [&](uint32_t c) { return x.row(r)[c]; });
}
void broadcast_columns(ConstRows x, Rows y, uint32_t rows, uint32_t n) {
  each(rows, n, [&](uint32_t r, uint32_t c) { y.row(r)[c] = *x.row(r); });
}
void dropout(ConstRows x, Rows y, uint32_t rows, uint32_t n, RandomKey key, uint64_t first_index, uint32_t threshold,
             float keep_scale) {
  each(rows, n, [&](uint32_t r, uint32_t c) {
    const bool kept = draw(key, first_index + uint64_t(r) * n + c) >= threshold;
    y.row(r)[c] = kept ? x.row(r)[c] * keep_scale : 0.0f;
  });
}
void logistic_noise(Rows y, uint32_t rows, uint32_t n, RandomKey key, uint64_t first_index) {
  each(rows, n, [&](uint32_t r, uint32_t c) {
    const double u = ((draw(key, first_index + uint64_t(r) * n + c) >> 9) + 0.5) / (1 << 23);
    y.row(r)[c] = float(std::log(u / (1 - u)));
  });
}

void dot_interaction(ConstRows x, Rows z, uint32_t rows, uint32_t fields, uint32_t dim) {
  for (uint32_t r = 0; r < rows; ++r) {
    float* out = z.row(r);
    for (uint32_t i = 0; i < fields; ++i)
      for (uint32_t j = i + 1; j < fields; ++j)
        *out++ = sum(dim, [&](uint32_t d) { return double(x.row(r)[i * dim + d]) * x.row(r)[j * dim + d]; });
  }
}
void dot_interaction_grad(ConstRows dz, ConstRows x, Rows dx, uint32_t rows, uint32_t fields, uint32_t dim) {
  for (uint32_t r = 0; r < rows; ++r) {
    std::vector<double> out(size_t(fields) * dim);
    const float* g = dz.row(r);
    for (uint32_t i = 0; i < fields; ++i)
      for (uint32_t j = i + 1; j < fields; ++j, ++g)
        for (uint32_t d = 0; d < dim; ++d) {
          out[i * dim + d] += double(*g) * x.row(r)[j * dim + d];
          out[j * dim + d] += double(*g) * x.row(r)[i * dim + d];
        }
    for (size_t i = 0; i < out.size(); ++i) dx.row(r)[i] = out[i];
  }
}
void factorization_machine(ConstRows x, Rows y, uint32_t rows, uint32_t fields, uint32_t dim) {
  each(rows, dim, [&](uint32_t r, uint32_t d) {
    double s = 0;  // the pairs one by one, not the identity that the kernel uses
    for (uint32_t i = 0; i < fields; ++i)
      for (uint32_t j = i + 1; j < fields; ++j) s += double(x.row(r)[i * dim + d]) * x.row(r)[j * dim + d];
    y.row(r)[d] = s;
  });
}
void factorization_machine_grad(ConstRows dz, ConstRows x, Rows dx, uint32_t rows, uint32_t fields, uint32_t dim) {
  each(rows, dim, [&](uint32_t r, uint32_t d) {
    for (uint32_t i = 0; i < fields; ++i) {
      const double others = sum(fields, [&](uint32_t j) { return j == i ? 0.0 : double(x.row(r)[j * dim + d]); });
      dx.row(r)[i * dim + d] = dz.row(r)[d] * others;
    }
  });
}

// f(k, d, element of x, element of x0) for every pair k and dim d.
template <class F>
void each_pair(const InteractionShape& s, F f) {
  size_t k = 0;
  for (uint32_t h = 0; h < s.maps; ++h)
    for (uint32_t j = s.upper ? h : 0; j < s.fields; ++j, ++k)
      for (uint32_t d = 0; d < s.dim; ++d) f(k, d, h * s.dim + d, j * s.dim + d);
}
size_t compressed_interaction_scratch(const InteractionShape&) { return 0; }
void compressed_interaction(ConstRows x, ConstRows x0, const float* w, const float* bias, Rows y,
                            const InteractionShape& s, float*) {
  each(s.rows, s.units, [&](uint32_t r, uint32_t n) {
    std::vector<double> out(s.dim, bias ? bias[n] : 0.0);
    each_pair(s, [&](size_t k, uint32_t d, uint32_t i, uint32_t j) {
      out[d] += double(w[n * s.pairs() + k]) * x.row(r)[i] * x0.row(r)[j];
    });
    for (uint32_t d = 0; d < s.dim; ++d) y.row(r)[n * s.dim + d] = out[d];
  });
}
void compressed_interaction_grad_input(ConstRows dy, ConstRows x, ConstRows x0, const float* w, Rows dx, Rows dx0,
                                       const InteractionShape& s, float*) {
  for (uint32_t r = 0; r < s.rows; ++r) {
    std::vector<double> maps(size_t(s.maps) * s.dim), fields(size_t(s.fields) * s.dim);
    each_pair(s, [&](size_t k, uint32_t d, uint32_t i, uint32_t j) {
      const double g =
          sum(s.units, [&](uint32_t n) { return double(w[n * s.pairs() + k]) * dy.row(r)[n * s.dim + d]; });
      maps[i] += g * x0.row(r)[j];
      fields[j] += g * x.row(r)[i];
    });
    for (size_t i = 0; i < maps.size(); ++i) dx.row(r)[i] = maps[i];
    for (size_t j = 0; j < fields.size(); ++j) dx0.row(r)[j] = fields[j];
  }
}
void compressed_interaction_grad_weight(ConstRows dy, ConstRows x, ConstRows x0, float* dw, const InteractionShape& s,
                                        float*) {
  for (uint32_t n = 0; n < s.units; ++n) {
    std::vector<double> sums(s.pairs());
    for (uint32_t r = 0; r < s.rows; ++r)
      each_pair(s, [&](size_t k, uint32_t d, uint32_t i, uint32_t j) {
        sums[k] += double(dy.row(r)[n * s.dim + d]) * x.row(r)[i] * x0.row(r)[j];
      });
    for (size_t k = 0; k < sums.size(); ++k) dw[n * s.pairs() + k] = sums[k];
  }
}

void batch_moments(ConstRows x, float* mean, float* m2, uint32_t rows, uint32_t n) {
  for (uint32_t c = 0; c < n; ++c) {
    double m = 0, s = 0, count = 0;
    for (uint32_t r = 0; r < rows; ++r) {  // Welford 1962
      const double d = x.row(r)[c] - m;
      m += d / ++count;
      s += d * (x.row(r)[c] - m);
    }
    mean[c] = m;
    m2[c] = s;
  }
}
void batch_normalize(ConstRows x, const float* mean, const float* var, const float* gamma, const float* beta, Rows y,
                     uint32_t rows, uint32_t n, float eps) {
  each(rows, n, [&](uint32_t r, uint32_t c) {
    y.row(r)[c] = (double(x.row(r)[c]) - mean[c]) / std::sqrt(double(var[c]) + eps) * gamma[c] + beta[c];
  });
}
void batch_norm_grad_sums(ConstRows dy, ConstRows x, const float* mean, const float* var, float* sum_dy,
                          float* sum_dy_xhat, uint32_t rows, uint32_t n, float eps) {
  for (uint32_t c = 0; c < n; ++c) {
    const double sigma = std::sqrt(double(var[c]) + eps);
    sum_dy[c] = sum(rows, [&](uint32_t r) { return dy.row(r)[c]; });
    sum_dy_xhat[c] = sum(rows, [&](uint32_t r) { return dy.row(r)[c] * (double(x.row(r)[c]) - mean[c]) / sigma; });
  }
}
void batch_norm_grad_input(ConstRows dy, ConstRows x, const float* mean, const float* var, const float* gamma,
                           const float* sum_dy, const float* sum_dy_xhat, Rows dx, uint32_t rows, uint32_t n, float eps,
                           uint32_t batch_rows) {
  each(rows, n, [&](uint32_t r, uint32_t c) {
    const double sigma = std::sqrt(double(var[c]) + eps), xhat = (double(x.row(r)[c]) - mean[c]) / sigma;
    dx.row(r)[c] =
        gamma[c] / sigma * (dy.row(r)[c] - double(sum_dy[c]) / batch_rows - xhat * sum_dy_xhat[c] / batch_rows);
  });
}

struct Normalized {
  std::vector<double> xhat;
  double sigma;
};
Normalized normalize(const float* x, uint32_t n, float eps) {
  const double mean = sum(n, [&](uint32_t c) { return x[c]; }) / n;
  const double var = sum(n, [&](uint32_t c) { return (x[c] - mean) * (x[c] - mean); }) / n;
  Normalized out = {{}, std::sqrt(var + eps)};
  for (uint32_t c = 0; c < n; ++c) out.xhat.push_back((x[c] - mean) / out.sigma);
  return out;
}
void batch_matmul(ConstRows a, ConstRows b, Rows c, uint32_t rows, uint32_t m, uint32_t n, uint32_t k, bool transpose_a,
                  bool transpose_b) {
  const auto left = [&](uint32_t r, uint32_t i, uint32_t p) { return a.row(r)[transpose_a ? p * m + i : i * k + p]; };
  const auto right = [&](uint32_t r, uint32_t p, uint32_t j) { return b.row(r)[transpose_b ? j * k + p : p * n + j]; };
  each(rows, m * n, [&](uint32_t r, uint32_t at) {
    c.row(r)[at] = sum(k, [&](uint32_t p) { return double(left(r, at / n, p)) * right(r, p, at % n); });
  });
}

void transpose_rows(ConstRows x, Rows y, uint32_t rows, uint32_t m, uint32_t n) {
  each(rows, m * n, [&](uint32_t r, uint32_t at) { y.row(r)[at % n * m + at / n] = x.row(r)[at]; });
}

void softmax(ConstRows x, Rows y, uint32_t rows, uint32_t n) {
  each(rows, n, [&](uint32_t r, uint32_t c) {
    y.row(r)[c] = 1 / sum(n, [&](uint32_t j) { return std::exp(double(x.row(r)[j]) - x.row(r)[c]); });
  });
}

void softmax_grad(ConstRows dy, ConstRows y, Rows dx, uint32_t rows, uint32_t n) {
  each(rows, n, [&](uint32_t r, uint32_t c) {
    const double mean = sum(n, [&](uint32_t j) { return double(dy.row(r)[j]) * y.row(r)[j]; });
    dx.row(r)[c] = y.row(r)[c] * (dy.row(r)[c] - mean);
  });
}

void layer_norm(ConstRows x, const float* gamma, const float* beta, Rows y, uint32_t rows, uint32_t n, float eps) {
  for (uint32_t r = 0; r < rows; ++r) {
    const Normalized z = normalize(x.row(r), n, eps);
    for (uint32_t c = 0; c < n; ++c) y.row(r)[c] = z.xhat[c] * gamma[c] + beta[c];
  }
}
void layer_norm_grad_input(ConstRows dy, ConstRows x, const float* gamma, Rows dx, uint32_t rows, uint32_t n,
                           float eps) {
  for (uint32_t r = 0; r < rows; ++r) {
    const Normalized z = normalize(x.row(r), n, eps);
    const auto g = [&](uint32_t c) { return double(dy.row(r)[c]) * gamma[c]; };
    const double mean_g = sum(n, g) / n, mean_gx = sum(n, [&](uint32_t c) { return g(c) * z.xhat[c]; }) / n;
    for (uint32_t c = 0; c < n; ++c) dx.row(r)[c] = (g(c) - mean_g - z.xhat[c] * mean_gx) / z.sigma;
  }
}
void layer_norm_grad_params(ConstRows dy, ConstRows x, float* dgamma, float* dbeta, uint32_t rows, uint32_t n,
                            float eps, bool accumulate) {
  std::vector<Normalized> z;
  for (uint32_t r = 0; r < rows; ++r) z.push_back(normalize(x.row(r), n, eps));
  for (uint32_t c = 0; c < n; ++c) {
    dgamma[c] = (accumulate ? dgamma[c] : 0.0) + sum(rows, [&](uint32_t r) { return dy.row(r)[c] * z[r].xhat[c]; });
    dbeta[c] = (accumulate ? dbeta[c] : 0.0) + sum(rows, [&](uint32_t r) { return dy.row(r)[c]; });
  }
}

void sigmoid_cross_entropy(ConstRows logits, ConstRows labels, Rows loss, uint32_t rows) {
  for (uint32_t r = 0; r < rows; ++r) {
    const double z = *logits.row(r), y = *labels.row(r);
    *loss.row(r) = (z < 0 ? 0 : z) - z * y + std::log1p(std::exp(-std::fabs(z)));
  }
}
void sigmoid_cross_entropy_grad(ConstRows dl, ConstRows logits, ConstRows labels, Rows dz, uint32_t rows) {
  for (uint32_t r = 0; r < rows; ++r)
    *dz.row(r) = *dl.row(r) * (1 / (1 + std::exp(-double(*logits.row(r)))) - *labels.row(r));
}

// A number by its definition: (-1)^sign 2^(exponent - bias) 1.fraction, or 0.fraction for the smallest exponent.
double half_value(uint16_t half, TableFormat format) {
  const int fraction_bits = format == TableFormat::kFp16 ? 10 : 7, exponent_bits = 15 - fraction_bits;
  const int largest = (1 << exponent_bits) - 1, bias = largest / 2;
  const int fraction = half & ((1 << fraction_bits) - 1), exponent = (half >> fraction_bits) & largest;
  const double sign = half & 0x8000 ? -1.0 : 1.0;
  if (exponent == largest) return fraction == 0 ? sign * INFINITY : NAN;
  const double significand = std::ldexp(double(fraction), -fraction_bits) + (exponent > 0 ? 1 : 0);
  return sign * std::ldexp(significand, std::max(exponent, 1) - bias);
}
double number(ConstTable table, size_t i) {
  if (table.format == TableFormat::kFp32) return static_cast<const float*>(table.data)[i];
  return half_value(static_cast<const uint16_t*>(table.data)[i], table.format);
}
void widen(const uint16_t* from, float* to, size_t n, TableFormat format) {
  for (size_t i = 0; i < n; ++i) to[i] = float(half_value(from[i], format));
}

// The two neighbours of a number are those of its magnitude, consecutive as integers; how far it is from the lower one
// to the upper one is compared with as many bits of the draw as f32 has beyond the format.
uint16_t round_by(float x, TableFormat format, uint32_t random) {
  const bool float16 = format == TableFormat::kFp16;
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0, infinity = float16 ? 0x7c00 : 0x7f80;
  const double magnitude = std::fabs(double(x));
  if (std::isnan(x)) return uint16_t(sign | (float16 ? 0x7e00 : (std::bit_cast<uint32_t>(x) >> 16 & 0x7fff) | 0x40));
  if (std::isinf(x)) return uint16_t(sign | infinity);
  uint16_t low = 0, high = infinity;  // the largest at most x, by bisection
  while (high - low > 1) {
    const uint16_t middle = uint16_t((low + high) / 2);
    (half_value(middle, format) <= magnitude ? low : high) = middle;
  }
  const double below = half_value(low, format);
  const double above = high == infinity ? 2 * below - half_value(uint16_t(low - 1), format) : half_value(high, format);
  const double share = (magnitude - below) / (above - below);
  if (float16 && magnitude < 0x1p-14) return uint16_t(sign | (double(random >> 8) * 0x1p-24 < share ? high : low));
  const int bits = float16 ? 13 : 16;
  const double noise = std::ldexp(double(random >> (32 - bits)), -bits);
  const bool beyond = share >= 1;  // past the largest finite number and its distance to the next
  return uint16_t(sign | (beyond || share + noise >= 1 ? high : low));
}
void round_stochastically(const float* from, uint16_t* to, size_t n, TableFormat format, RandomKey key,
                          uint64_t first_index) {
  for (size_t i = 0; i < n; ++i) to[i] = round_by(from[i], format, draw(key, first_index + i));
}

size_t id_at(ConstIds ids, size_t i) {
  return ids.wide ? size_t(static_cast<const int64_t*>(ids.data)[i]) : size_t(static_cast<const int32_t*>(ids.data)[i]);
}
void embedding(ConstTable table, uint32_t dim, ConstIds ids, size_t id_stride, Rows y, uint32_t rows) {
  each(rows, dim, [&](uint32_t r, uint32_t d) { y.row(r)[d] = number(table, id_at(ids, r * id_stride) * dim + d); });
}
void embedding_bag(ConstTable table, uint32_t dim, const Bag* bags, size_t bag_stride, bool wide_ids, Rows y,
                   uint32_t rows, bool mean) {
  each(rows, dim, [&](uint32_t r, uint32_t d) {
    const Bag& bag = bags[r * bag_stride];
    const double s = sum(bag.count, [&](uint32_t p) {
      return (bag.weights == nullptr ? 1.0 : bag.weights[p]) * number(table, id_at({bag.data, wide_ids}, p) * dim + d);
    });
    y.row(r)[d] = mean && bag.count > 0 ? s / bag.count : s;
  });
}

void sgd(float* w, const float* g, size_t n, float lr, float l2) {
  for (size_t i = 0; i < n; ++i) w[i] -= lr * (g[i] + double(l2) * w[i]);
}
void momentum(float* w, const float* g, float* m, size_t n, float lr, const MomentumSettings& s) {
  for (size_t i = 0; i < n; ++i) {
    const double gradient = g[i] + double(s.l2) * w[i], moved = double(s.momentum) * m[i] + s.share * gradient;
    m[i] = moved;
    w[i] -= lr * (s.nesterov ? gradient + double(s.momentum) * moved : moved);
  }
}
void adagrad(float* w, const float* g, float* s, size_t n, float lr, float eps, float l2) {
  for (size_t i = 0; i < n; ++i) {
    const double gradient = g[i] + double(l2) * w[i], total = s[i] + gradient * gradient;
    s[i] = total;
    w[i] -= lr * gradient / (std::sqrt(total) + eps);
  }
}
void row_wise_adagrad(float* w, const float* g, float* s, size_t dim, float lr, float eps, float l2) {
  const auto gradient = [&](size_t i) { return g[i] + double(l2) * w[i]; };
  const double total =
      *s + sum(static_cast<uint32_t>(dim), [&](uint32_t i) { return gradient(i) * gradient(i); }) / dim;
  *s = total;
  for (size_t i = 0; i < dim; ++i) w[i] -= lr * gradient(i) / (std::sqrt(total) + eps);
}
void adam(float* w, const float* g, float* m, float* v, size_t n, float lr, const AdamSettings& s) {
  for (size_t i = 0; i < n; ++i) {
    const double weight = w[i] * (1 - double(lr) * s.weight_decay);
    const double gradient = g[i] + double(s.l2) * weight;
    const double first = double(s.beta1) * m[i] + double(s.rest1) * gradient;
    const double second = double(s.beta2) * v[i] + double(s.rest2) * gradient * gradient;
    m[i] = first;
    v[i] = second;
    w[i] = weight - lr * (first / s.correction1) / (std::sqrt(second / s.correction2) + s.eps);
  }
}
void rmsprop(float* w, const float* g, float* square, size_t n, float lr, const FadingSettings& f) {
  for (size_t i = 0; i < n; ++i) {
    const double gradient = g[i] + double(f.l2) * w[i];
    const double s = double(f.decay) * square[i] + double(f.rest) * gradient * gradient;
    square[i] = s;
    w[i] -= lr * gradient / (std::sqrt(s) + f.eps);
  }
}
void adadelta(float* w, const float* g, float* square, float* delta, size_t n, float lr, const FadingSettings& f) {
  for (size_t i = 0; i < n; ++i) {
    const double gradient = g[i] + double(f.l2) * w[i];
    const double s = double(f.decay) * square[i] + double(f.rest) * gradient * gradient;
    const double change = gradient * std::sqrt(delta[i] + double(f.eps)) / std::sqrt(s + f.eps);
    square[i] = s;
    delta[i] = double(f.decay) * delta[i] + double(f.rest) * change * change;
    w[i] -= lr * change;
  }
}
void lamb(float* w, const float* g, float* m, float* v, size_t dim, float lr, const AdamSettings& s) {
  std::vector<double> r(dim);
  double size = 0, length = 0;
  for (size_t i = 0; i < dim; ++i) {
    const double gradient = g[i] + double(s.l2) * w[i];
    const double first = double(s.beta1) * m[i] + double(s.rest1) * gradient;
    const double second = double(s.beta2) * v[i] + double(s.rest2) * gradient * gradient;
    m[i] = first;
    v[i] = second;
    r[i] = first / s.correction1 / (std::sqrt(second / s.correction2) + s.eps) + double(s.weight_decay) * w[i];
    size += double(w[i]) * w[i];
    length += r[i] * r[i];
  }
  const double ratio = size == 0 || length == 0 ? 1 : std::sqrt(size / length);
  for (size_t i = 0; i < dim; ++i) w[i] -= lr * ratio * r[i];
}
void partial_row_wise_adam(float* w, const float* g, float* m, float* v, size_t dim, float lr, const AdamSettings& s) {
  const auto gradient = [&](size_t i) { return g[i] + double(s.l2) * w[i]; };
  const double squares = sum(static_cast<uint32_t>(dim), [&](uint32_t i) { return gradient(i) * gradient(i); });
  const double second = double(s.beta2) * *v + double(s.rest2) * squares / double(dim);
  *v = second;
  for (size_t i = 0; i < dim; ++i) {
    const double first = double(s.beta1) * m[i] + double(s.rest1) * gradient(i);
    m[i] = first;
    w[i] -= lr * (first / s.correction1) / (std::sqrt(second / s.correction2) + s.eps);
  }
}
void partial_row_wise_lamb(float* w, const float* g, float* m, float* v, size_t dim, float lr, const AdamSettings& s) {
  std::vector<double> r(dim);
  double squares = 0, size = 0, length = 0;
  for (size_t i = 0; i < dim; ++i) squares += std::pow(g[i] + double(s.l2) * w[i], 2);
  const double second = double(s.beta2) * *v + double(s.rest2) * squares / double(dim);
  *v = second;
  for (size_t i = 0; i < dim; ++i) {
    const double first = double(s.beta1) * m[i] + double(s.rest1) * (g[i] + double(s.l2) * w[i]);
    m[i] = first;
    r[i] = first / s.correction1 / (std::sqrt(second / s.correction2) + s.eps) + double(s.weight_decay) * w[i];
    size += double(w[i]) * w[i];
    length += r[i] * r[i];
  }
  const double ratio = size == 0 || length == 0 ? 1 : std::sqrt(size / length);
  for (size_t i = 0; i < dim; ++i) w[i] -= lr * ratio * r[i];
}
void lars_sgd(float* w, const float* g, float* m, size_t dim, float lr, const LarsSettings& s) {
  double size = 0, length = 0;
  for (size_t i = 0; i < dim; ++i) {
    size += double(w[i]) * w[i];
    length += std::pow(g[i] + double(s.l2) * w[i], 2);
  }
  const double divisor = std::sqrt(length) + s.weight_decay * std::sqrt(size);
  const double rate = divisor == 0 ? 0 : lr * s.eta * std::sqrt(size) / divisor;
  for (size_t i = 0; i < dim; ++i) {
    const double gradient = g[i] + double(s.l2) * w[i];
    const double moved = double(s.momentum) * m[i] + rate * (gradient + double(s.weight_decay) * w[i]);
    m[i] = moved;
    w[i] -= moved;
  }
}
void moving_average(float* average, const float* w, size_t n, float decay, float rest) {
  for (size_t i = 0; i < n; ++i) average[i] = double(decay) * average[i] + double(rest) * w[i];
}
float sum_squares(const float* x, size_t n) {
  return sum(static_cast<uint32_t>(n), [&](uint32_t i) { return double(x[i]) * x[i]; });
}
void clip_value(const float* x, float* y, size_t n, float limit) {
  for (size_t i = 0; i < n; ++i) y[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
}
void scale_by(const float* x, float* y, size_t n, float factor) {
  for (size_t i = 0; i < n; ++i) y[i] = x[i] * factor;
}
void focal_cross_entropy(ConstRows logits, ConstRows labels, Rows loss, uint32_t rows, float gamma, float alpha) {
  for (uint32_t r = 0; r < rows; ++r) {
    const bool positive = *labels.row(r) > 0.5f;
    const double u = positive ? *logits.row(r) : -*logits.row(r), p = 1 / (1 + std::exp(-u));
    const double weight = positive ? alpha : 1 - double(alpha);
    *loss.row(r) = weight * std::pow(1 / (1 + std::exp(u)), double(gamma)) * -std::log(p);
  }
}
void focal_cross_entropy_grad(ConstRows dl, ConstRows logits, ConstRows labels, Rows dz, uint32_t rows, float gamma,
                              float alpha) {
  for (uint32_t r = 0; r < rows; ++r) {
    const bool positive = *labels.row(r) > 0.5f;
    const double u = positive ? *logits.row(r) : -*logits.row(r), p = 1 / (1 + std::exp(-u));
    const double q = 1 / (1 + std::exp(u)), weight = positive ? alpha : double(alpha) - 1;
    // By Lin et al., appendix B: d FL / du = a q^gamma (gamma p log p - q).
    *dz.row(r) = *dl.row(r) * weight * std::pow(q, double(gamma)) * (gamma * p * std::log(p) - q);
  }
}
double log_softmax(const float* z, uint32_t classes, uint32_t c) {
  double sum = 0;
  for (uint32_t k = 0; k < classes; ++k) sum += std::exp(double(z[k]) - z[c]);
  return -std::log(sum);
}
void softmax_cross_entropy(ConstRows logits, ConstRows labels, Rows loss, uint32_t rows, uint32_t classes,
                           float smoothing) {
  for (uint32_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (uint32_t c = 0; c < classes; ++c) {
      const double target = (c == *labels.row(r) ? 1 - double(smoothing) : 0) + double(smoothing) / classes;
      sum -= target * log_softmax(logits.row(r), classes, c);
    }
    *loss.row(r) = float(sum);
  }
}
void softmax_cross_entropy_grad(ConstRows dl, ConstRows logits, ConstRows labels, Rows dz, uint32_t rows,
                                uint32_t classes, float smoothing) {
  for (uint32_t r = 0; r < rows; ++r) {
    for (uint32_t c = 0; c < classes; ++c) {
      const double target = (c == *labels.row(r) ? 1 - double(smoothing) : 0) + double(smoothing) / classes;
      dz.row(r)[c] = float(*dl.row(r) * (std::exp(log_softmax(logits.row(r), classes, c)) - target));
    }
  }
}
void accumulate(float* acc, const float* g, size_t n, float factor) {
  for (size_t i = 0; i < n; ++i) acc[i] += g[i] * factor;
}
void sum_along_tree(const TreeTerm* terms, size_t count, float* to, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    std::vector<float> sums;
    const auto fold = [&] {
      const float right = sums.back();
      sums.pop_back();
      sums.back() += right;
    };
    for (const TreeTerm* term = terms; term < terms + count; ++term) {
      for (int32_t folds = term->folds; folds > 0; --folds) fold();
      const float value = term->scale * term->x[i];
      if (term->folds == TreeTerm::kSameSum) sums.back() += value;
      else sums.push_back(value);
    }
    while (sums.size() > 1) fold();
    to[i] = sums[0];
  }
}

}  // namespace

const KernelTable plain = {
    .isa = "plain",
    .linear_f32 = Linear<exact>::kernels(),
    .linear_bf16 = Linear<to_bf16>::kernels(),
    // In the order of kernels.def. A kernel without a twin here is checked by the conformance tests alone.
    .sum_rows = sum_rows,
    .activation = activation,
    .activation_grad = activation_grad,
    .copy = copy,
    .add = add,
    .multiply = multiply,
    .scale = scale,
    .sum_columns = sum_columns,
    .broadcast_columns = broadcast_columns,
    .dropout = dropout,
    .logistic_noise = logistic_noise,
    .dot_interaction = dot_interaction,
    .dot_interaction_grad = dot_interaction_grad,
    .factorization_machine = factorization_machine,
    .factorization_machine_grad = factorization_machine_grad,
    .batch_matmul = batch_matmul,
    .transpose_rows = transpose_rows,
    .softmax = softmax,
    .softmax_grad = softmax_grad,
    .compressed_interaction_scratch = compressed_interaction_scratch,
    .compressed_interaction = compressed_interaction,
    .compressed_interaction_grad_input = compressed_interaction_grad_input,
    .compressed_interaction_grad_weight = compressed_interaction_grad_weight,
    .batch_moments = batch_moments,
    .batch_normalize = batch_normalize,
    .batch_norm_grad_sums = batch_norm_grad_sums,
    .batch_norm_grad_input = batch_norm_grad_input,
    .layer_norm = layer_norm,
    .layer_norm_grad_input = layer_norm_grad_input,
    .layer_norm_grad_params = layer_norm_grad_params,
    .sigmoid_cross_entropy = sigmoid_cross_entropy,
    .sigmoid_cross_entropy_grad = sigmoid_cross_entropy_grad,
    .focal_cross_entropy = focal_cross_entropy,
    .focal_cross_entropy_grad = focal_cross_entropy_grad,
    .softmax_cross_entropy = softmax_cross_entropy,
    .softmax_cross_entropy_grad = softmax_cross_entropy_grad,
    .embedding = embedding,
    .embedding_bag = embedding_bag,
    .widen = widen,
    .round_stochastically = round_stochastically,
    .momentum = momentum,
    .moving_average = moving_average,
    .sum_squares = sum_squares,
    .clip_value = clip_value,
    .scale_by = scale_by,
    .accumulate = accumulate,
    .sum_along_tree = sum_along_tree,
    .sgd = sgd,
    .adagrad = adagrad,
    .row_wise_adagrad = row_wise_adagrad,
    .adam = adam,
    .rmsprop = rmsprop,
    .adadelta = adadelta,
    .lamb = lamb,
    .partial_row_wise_adam = partial_row_wise_adam,
    .partial_row_wise_lamb = partial_row_wise_lamb,
    .lars_sgd = lars_sgd,
};

}  // namespace pairloom::test
