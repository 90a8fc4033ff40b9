#include "tests/kernels_plain.h"

#include <cmath>
#include <vector>

#include "kernels/random.h"

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
  }
  return NAN;
}

// d act / dx, from s: the output, or the input for silu, gelu and softplus.
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
      return 0.5 * (1 + std::erf(s / std::sqrt(2.0))) + s * std::exp(-s * s / 2) / std::sqrt(2 * M_PI);
    case Activation::kSoftplus: return sigmoid;
    case Activation::kElu: return s <= 0 ? s + 1 : 1;
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

size_t packed_size(uint32_t columns, uint32_t depth) { return static_cast<size_t>(columns) * depth; }

void pack(const float* w, uint32_t n, uint32_t k, float* packed) {
  for (size_t i = 0; i < static_cast<size_t>(n) * k; ++i) packed[i] = w[i];
}

void linear(ConstRows x, const float* w, const float* bias, Rows y, uint32_t rows, uint32_t n, uint32_t k,
            Activation act) {
  each(rows, n, [&](uint32_t r, uint32_t c) {
    const double z = sum(k, [&](uint32_t p) { return double(x.row(r)[p]) * w[size_t(c) * k + p]; });
    y.row(r)[c] = activate(z + (bias ? bias[c] : 0.0f), act);
  });
}

void linear_grad_input(ConstRows dz, const float* w, Rows dx, uint32_t rows, uint32_t n, uint32_t k) {
  each(rows, k, [&](uint32_t r, uint32_t c) {
    dx.row(r)[c] = sum(n, [&](uint32_t p) { return double(dz.row(r)[p]) * w[size_t(p) * k + c]; });
  });
}

void linear_grad_weight(ConstRows dz, ConstRows x, float* dw, uint32_t rows, uint32_t n, uint32_t k,
                        bool accumulate) {
  each(n, k, [&](uint32_t i, uint32_t j) {
    const double s = sum(rows, [&](uint32_t r) { return double(dz.row(r)[i]) * x.row(r)[j]; });
    dw[size_t(i) * k + j] = (accumulate ? dw[size_t(i) * k + j] : 0.0) + s;
  });
}

void sum_rows(ConstRows x, float* out, uint32_t rows, uint32_t n, bool accumulate) {
  for (uint32_t c = 0; c < n; ++c)
    out[c] = (accumulate ? out[c] : 0.0) + sum(rows, [&](uint32_t r) { return x.row(r)[c]; });
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
void dropout(ConstRows x, Rows y, uint32_t rows, uint32_t n, RandomKey key, uint64_t first_index,
             uint32_t threshold, float keep_scale) {
  each(rows, n, [&](uint32_t r, uint32_t c) {
    const bool kept = draw(key, static_cast<uint32_t>(first_index + uint64_t(r) * n + c)) >= threshold;
    y.row(r)[c] = kept ? x.row(r)[c] * keep_scale : 0.0f;
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
void factorization_machine_grad(ConstRows dz, ConstRows x, Rows dx, uint32_t rows, uint32_t fields,
                                uint32_t dim) {
  each(rows, dim, [&](uint32_t r, uint32_t d) {
    for (uint32_t i = 0; i < fields; ++i) {
      const double others =
          sum(fields, [&](uint32_t j) { return j == i ? 0.0 : double(x.row(r)[j * dim + d]); });
      dx.row(r)[i * dim + d] = dz.row(r)[d] * others;
    }
  });
}

void batch_moments(ConstRows x, float* mean, float* m2, uint32_t rows, uint32_t n, uint32_t seen) {
  for (uint32_t c = 0; c < n; ++c) {
    double m = seen > 0 ? mean[c] : 0.0, s = seen > 0 ? m2[c] : 0.0, count = seen;
    for (uint32_t r = 0; r < rows; ++r) {  // Welford 1962
      const double d = x.row(r)[c] - m;
      m += d / ++count;
      s += d * (x.row(r)[c] - m);
    }
    mean[c] = m;
    m2[c] = s;
  }
}
void batch_normalize(ConstRows x, const float* mean, const float* var, const float* gamma, const float* beta,
                     Rows y, uint32_t rows, uint32_t n, float eps) {
  each(rows, n, [&](uint32_t r, uint32_t c) {
    y.row(r)[c] = (double(x.row(r)[c]) - mean[c]) / std::sqrt(double(var[c]) + eps) * gamma[c] + beta[c];
  });
}
void batch_norm_grad_sums(ConstRows dy, ConstRows x, const float* mean, const float* var, float* sum_dy,
                          float* sum_dy_xhat, uint32_t rows, uint32_t n, float eps, bool accumulate) {
  for (uint32_t c = 0; c < n; ++c) {
    const double sigma = std::sqrt(double(var[c]) + eps);
    sum_dy[c] = (accumulate ? sum_dy[c] : 0.0) + sum(rows, [&](uint32_t r) { return dy.row(r)[c]; });
    sum_dy_xhat[c] = (accumulate ? sum_dy_xhat[c] : 0.0) + sum(rows, [&](uint32_t r) {
                       return dy.row(r)[c] * (double(x.row(r)[c]) - mean[c]) / sigma;
                     });
  }
}
void batch_norm_grad_input(ConstRows dy, ConstRows x, const float* mean, const float* var, const float* gamma,
                           const float* sum_dy, const float* sum_dy_xhat, Rows dx, uint32_t rows, uint32_t n,
                           float eps, uint32_t batch_rows) {
  each(rows, n, [&](uint32_t r, uint32_t c) {
    const double sigma = std::sqrt(double(var[c]) + eps), xhat = (double(x.row(r)[c]) - mean[c]) / sigma;
    dx.row(r)[c] = gamma[c] / sigma *
                   (dy.row(r)[c] - double(sum_dy[c]) / batch_rows - xhat * sum_dy_xhat[c] / batch_rows);
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
void layer_norm(ConstRows x, const float* gamma, const float* beta, Rows y, uint32_t rows, uint32_t n,
                float eps) {
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
    dgamma[c] =
        (accumulate ? dgamma[c] : 0.0) + sum(rows, [&](uint32_t r) { return dy.row(r)[c] * z[r].xhat[c]; });
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

void embedding(const float* table, uint32_t dim, const int32_t* ids, size_t id_stride, Rows y,
               uint32_t rows) {
  each(rows, dim, [&](uint32_t r, uint32_t d) { y.row(r)[d] = table[size_t(ids[r * id_stride]) * dim + d]; });
}
void embedding_bag(const float* table, uint32_t dim, const Bag* bags, size_t bag_stride, Rows y,
                   uint32_t rows, bool mean) {
  each(rows, dim, [&](uint32_t r, uint32_t d) {
    const Bag& bag = bags[r * bag_stride];
    const double s = sum(bag.count, [&](uint32_t p) { return table[size_t(bag.ids[p]) * dim + d]; });
    y.row(r)[d] = mean && bag.count > 0 ? s / bag.count : s;
  });
}

void sgd(float* w, const float* g, size_t n, float lr, float l2) {
  for (size_t i = 0; i < n; ++i) w[i] -= lr * (g[i] + double(l2) * w[i]);
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
void accumulate(float* acc, const float* g, size_t n, float factor) {
  for (size_t i = 0; i < n; ++i) acc[i] += g[i] * factor;
}

}  // namespace

const KernelTable plain = {
    .isa = "plain",
    .packed_size = packed_size,
    .pack_forward = pack,
    .linear = linear,
    .pack_backward = pack,
    .linear_grad_input = linear_grad_input,
    .linear_grad_weight = linear_grad_weight,
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
    .dot_interaction = dot_interaction,
    .dot_interaction_grad = dot_interaction_grad,
    .factorization_machine = factorization_machine,
    .factorization_machine_grad = factorization_machine_grad,
    .batch_moments = batch_moments,
    .batch_normalize = batch_normalize,
    .batch_norm_grad_sums = batch_norm_grad_sums,
    .batch_norm_grad_input = batch_norm_grad_input,
    .layer_norm = layer_norm,
    .layer_norm_grad_input = layer_norm_grad_input,
    .layer_norm_grad_params = layer_norm_grad_params,
    .sigmoid_cross_entropy = sigmoid_cross_entropy,
    .sigmoid_cross_entropy_grad = sigmoid_cross_entropy_grad,
    .embedding = embedding,
    .embedding_bag = embedding_bag,
    .sgd = sgd,
    .adagrad = adagrad,
    .row_wise_adagrad = row_wise_adagrad,
    .adam = adam,
    .accumulate = accumulate,
};

}  // namespace pairloom::test
