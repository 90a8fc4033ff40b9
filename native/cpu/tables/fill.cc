#include "cpu/tables/fill.h"

#include <algorithm>

#include "cpu/kernels/dispatch.h"
#include "cpu/pool.h"
#include "cpu/tables/format.h"
#include "cpu/tables/halves.h"
#include "runtime/random.h"

namespace pairloom {
namespace {

// Elements per job: enough to make scheduling cheap, and few enough that the fp32 numbers fit in the caches.
constexpr size_t kChunk = size_t{1} << 15;

// Calls work(first element, count) for chunks of them.
template <class Work>
void for_chunks(size_t count, uint32_t threads, const Work& work) {
  const size_t chunks = (count + kChunk - 1) / kChunk;
  // Jobs are counted in 32 bits: with very many chunks, each job takes several.
  const size_t chunks_a_job = chunks / (size_t{1} << 30) + 1, jobs = (chunks + chunks_a_job - 1) / chunks_a_job;
  Pool pool(uint32_t(std::clamp<size_t>(jobs, 1, threads)));
  pool.run(uint32_t(jobs), [&](uint32_t job, uint32_t) {
    for (size_t chunk = job * chunks_a_job; chunk < std::min((job + 1) * chunks_a_job, chunks); ++chunk) {
      work(chunk * kChunk, std::min(kChunk, count - chunk * kChunk));
    }
  });
}

void fill_row(float* to, size_t count, const Fill& spec, const RowDraws& draws) {
  switch (spec.kind) {
    case FillKind::kConstant: return void(std::fill_n(to, count, float(spec.a)));
    case FillKind::kUniform: return kernels().fill_uniform(to, count, draws.key, draws.first, spec.a, spec.b);
    case FillKind::kNormal: return kernels().fill_normal(to, count, draws.key, draws.first, spec.a, spec.b);
  }
}

void fill_row(uint16_t* to, TableFormat format, size_t count, const Fill& spec, const RowDraws& draws) {
  constexpr size_t kPart = 1024;
  float numbers[kPart];
  for (size_t at = 0; at < count; at += kPart) {
    const size_t part = std::min(kPart, count - at);
    fill_row(numbers, part, spec, {draws.key, draws.first + at});
    for (size_t i = 0; i < part; ++i) to[at + i] = nearest_half(numbers[i], format);
  }
}

}  // namespace

void fill_row(void* to, DType dtype, size_t count, const Fill& spec, const RowDraws& draws) {
  if (is_half(dtype)) fill_row(static_cast<uint16_t*>(to), table_format(dtype), count, spec, draws);
  else fill_row(static_cast<float*>(to), count, spec, draws);
}

void fill(std::span<float> values, const Fill& spec, uint32_t threads) {
  const RandomKey key = random_key(spec.seed, spec.stream, 0);
  for_chunks(values.size(), threads, [&](size_t begin, size_t count) {
    fill_row(values.data() + begin, count, spec, {key, spec.first + begin});
  });
}

void fill(std::span<uint16_t> values, TableFormat format, const Fill& spec, uint32_t threads) {
  const RandomKey key = random_key(spec.seed, spec.stream, 0);
  for_chunks(values.size(), threads, [&](size_t begin, size_t count) {
    fill_row(values.data() + begin, format, count, spec, {key, spec.first + begin});
  });
}

void fill_shard(void* rows, DType dtype, uint64_t width, const Shard& shard, const Fill& spec, uint32_t threads) {
  const RandomKey key = random_key(spec.seed, spec.stream, 0);
  const ColumnRange columns = shard.map.columns_of(shard.rank, width);
  const size_t row_bytes = columns.size() * bytes_of(dtype);
  for_chunks(shard.rows(), threads, [&](size_t begin, size_t count) {
    for (size_t row = begin; row < begin + count; ++row) {
      const RowDraws draws = draws_of_columns(row_draws(key, shard.name_of(row), width), columns);
      fill_row(static_cast<char*>(rows) + row * row_bytes, dtype, columns.size(), spec, draws);
    }
  });
}

}  // namespace pairloom
