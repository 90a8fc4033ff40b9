#include "cpu/loader.h"

#include <cstring>

#include "cpu/bound.h"
#include "program/error.h"

namespace pairloom {
namespace {

// Rows of a shuffled epoch are cache misses: prefetch each row this many rows before it is copied.
constexpr uint32_t kAhead = 16;
// Terms of a table update are counted in 32 bits.
constexpr uint64_t kMostBagIds = uint64_t{1} << 31;

static_assert(sizeof(Bag) == kBagWidth * sizeof(float));

// An id as an unsigned number: negative ids are above every limit.
uint64_t unsigned_id(int32_t id) { return uint32_t(id); }
uint64_t unsigned_id(int64_t id) { return uint64_t(id); }

template <class Element>
const Element* row_of(const Column& column, uint64_t row) {
  return static_cast<const Element*>(column.data) + column.offset + row * column.stride;
}

}  // namespace

void Loader::bind(std::vector<Column> columns, uint64_t rows, std::optional<Permutation> order) {
  const size_t count = inputs_.size();
  size_t expected = count;
  for (const Input& input : inputs_) expected += input.masked_below > 0;
  if (columns.size() != expected) {
    throw Error({"a wrong number of columns", "run", std::to_string(columns.size()), std::to_string(expected),
                 "Give one column per input of the program, in order, and then one per masked input."});
  }
  masked_.assign(count, {});
  for (size_t i = 0, next = count; i < count; ++i) {
    check_column(i, columns[i], rows);
    if (inputs_[i].masked_below == 0) continue;
    check_column(i, columns[next], 1);
    masked_[i] = columns[next++];
  }
  columns.resize(count);
  columns_ = std::move(columns);
  order_ = std::move(order);
}

void Loader::check_column(size_t index, const Column& column, uint64_t rows) const {
  const Input& input = inputs_[index];
  if (column.dtype != input.dtype) {
    throw Error(
        {"a column and its input have different kinds", "input " + input.name, "", "",
         "Give fp32 columns as Float32Array, ids as Int32Array (BigInt64Array for tables with more than 2^31 rows), "
         "bags as values and offsets."});
  }
  if (column.weights != nullptr && column.weights_length != column.length) {
    throw Error({"a column of bags has a wrong number of weights", "input " + input.name,
                 std::to_string(column.weights_length) + " weights", std::to_string(column.length) + ", one per id",
                 "Give weights in the order of values, or none."});
  }
  if (rows == 0) return;
  const bool bag = is_bag(column.dtype);
  const uint64_t length = bag ? column.offsets_length : column.length;
  // All operands are below 2^53 (the binding checks this), but their product may overflow: divide instead.
  const uint64_t last = bag ? rows + 1 : column.offset + input.width;
  const bool fits = last <= length && (bag || column.stride == 0 || (length - last) / column.stride >= rows - 1);
  if (fits) return;
  throw Error({"a column is too short for its rows", "input " + input.name, std::to_string(length) + " elements",
               std::to_string(rows) + " rows of stride " + std::to_string(column.stride) + " from offset " +
                   std::to_string(column.offset),
               "Check offset, stride and rows."});
}

void Loader::locate(uint64_t position, uint32_t count, uint64_t* rows) const {
  for (uint32_t i = 0; i < count; ++i) rows[i] = row_at(position + i);
}

void Loader::load(uint32_t input, const View& out, const Tile& tile) {
  switch (inputs_[input].dtype) {
    case DType::kFp32: return load_floats(input, out, tile);
    case DType::kId: return load_ids<int32_t>(input, out, tile);
    case DType::kBag: return load_bags<int32_t>(input, out, tile);
    case DType::kId64: return load_ids<int64_t>(input, out, tile);
    case DType::kBag64: return load_bags<int64_t>(input, out, tile);
    default: return;  // no input has 16-bit numbers: the decoder refuses them
  }
}

void Loader::load_floats(uint32_t input, const View& out, const Tile& tile) const {
  const uint32_t width = inputs_[input].width;
  const uint64_t first = tile.step.first_position + tile.first;
  const uint64_t* rows = tile.worker.source_rows.data();
  float* to = tile.at(out);
  for (uint32_t i = 0; i < tile.rows; ++i, to += out.stride) {
    if (i + kAhead < tile.rows) __builtin_prefetch(row_of<float>(columns_[input], rows[i + kAhead]));
    const auto [column, row] = place(input, first + i, rows[i]);
    const float* from = row_of<float>(column, row);
    if (width == 1) *to = *from;
    else std::memcpy(to, from, width * sizeof(float));
  }
}

template <class Id>
void Loader::load_ids(uint32_t input, const View& out, const Tile& tile) {
  const uint64_t last = inputs_[input].limit - 1;  // without a limit any 64 bits are an id
  const uint64_t first = tile.step.first_position + tile.first;
  const uint64_t* rows = tile.worker.source_rows.data();
  Id* to = reinterpret_cast<Id*>(tile.at(out));  // an id buffer contains only ids
  for (uint32_t i = 0; i < tile.rows; ++i) {
    if (i + kAhead < tile.rows) __builtin_prefetch(row_of<Id>(columns_[input], rows[i + kAhead]));
    const auto [column, row] = place(input, first + i, rows[i]);
    const Id id = *row_of<Id>(column, row);
    to[i] = id;
    if (unsigned_id(id) <= last) continue;
    to[i] = 0;
    note({first + i, rows[i], input, "an id is out of range",
          "id " + std::to_string(id), "0 to " + std::to_string(last)});
  }
}

uint64_t Loader::entries_in(Place place) const {
  const auto [column, row] = place;
  const uint64_t begin = column.offsets[row], end = column.offsets[row + 1];
  return begin > end || end > column.length || end - begin > kMostBagIds ? 0 : end - begin;
}

size_t Loader::leader_of(const std::string& sequence) const {
  size_t input = 0;
  while (inputs_[input].sequence != sequence) ++input;
  return input;
}

void Loader::count_entries(const std::string& sequence, const StepContext& step, std::vector<uint32_t>& before) const {
  const uint32_t leader = uint32_t(leader_of(sequence));
  before.assign(1, 0);
  uint64_t count = 0;
  for (uint32_t b = step.own_begin(); b < step.own_end(); ++b) {
    const uint64_t position = step.first_position + b;
    count += entries_in(place(leader, position, row_at(position)));
    if (count >= kMostBagIds) {
      throw Error({"too many entries in the sequences of one batch", "run, " + sequence, "2^31 or more", "below 2^31",
                   "Use a smaller batch."});
    }
    before.push_back(uint32_t(count));
  }
}

template <class Id>
void Loader::load_bags(uint32_t input, const View& out, const Tile& tile) {
  const uint64_t last = inputs_[input].limit - 1;
  const uint64_t* rows = tile.worker.source_rows.data();
  const std::string& sequence = inputs_[input].sequence;
  const uint32_t leader = sequence.empty() ? input : uint32_t(leader_of(sequence));
  Bag* to = reinterpret_cast<Bag*>(tile.at(out));  // a bag buffer: rows of 24 bytes at 64-byte aligned offsets
  uint64_t ids = 0;
  for (uint32_t i = 0; i < tile.rows; ++i) {
    if (i + kAhead < tile.rows) __builtin_prefetch(columns_[input].offsets + rows[i + kAhead]);
    const uint64_t position = tile.step.first_position + tile.first + i;
    const auto [column, row] = place(input, position, rows[i]);
    const Id* values = static_cast<const Id*>(column.data);
    const uint64_t begin = column.offsets[row], end = column.offsets[row + 1];
    to[i] = {values, column.weights, 0, 0};
    if (begin > end || end > column.length || end - begin > kMostBagIds) {
      note({position, rows[i], input, "a bag's offsets are not ascending positions of its values",
            std::to_string(begin) + " to " + std::to_string(end), "at most " + std::to_string(column.length)});
      continue;
    }
    if (const uint64_t entries = entries_in(place(leader, position, rows[i])); entries != end - begin) {
      note({position, rows[i], input, "the columns of a sequence have different lengths",
            std::to_string(end - begin) + " entries", std::to_string(entries)});
      continue;
    }
    to[i].data = values + begin;
    to[i].count = uint32_t(end - begin);
    if (column.weights != nullptr) to[i].weights += begin;
    ids += end - begin;
    for (uint64_t v = begin; v < end; ++v) {
      if (unsigned_id(values[v]) <= last) continue;
      note({position, rows[i], input, "an id is out of range", "id " + std::to_string(values[v]),
            "0 to " + std::to_string(last)});
      to[i].count = 0;
      break;
    }
  }
  bag_ids_.fetch_add(ids, std::memory_order_relaxed);
}

void Loader::append_rows(const std::vector<uint32_t>& inputs, uint64_t position, uint32_t count,
                         std::vector<uint64_t>& to) const {
  for (uint64_t at = position; at < position + count; ++at) {
    for (const uint32_t input : inputs) append_row(input, place(input, at, row_at(at)), to);
  }
}

void Loader::append_rows_ahead(const std::vector<uint32_t>& inputs, uint64_t position, uint32_t count,
                               std::vector<uint64_t>& to) const {
  for (uint64_t at = position; at < position + count; ++at) {
    for (const uint32_t input : inputs) append_row(input, {columns_[input], row_at(at)}, to);
  }
}

void Loader::append_row(uint32_t input, Place place, std::vector<uint64_t>& to) const {
  if (is_wide(inputs_[input].dtype)) append_row<int64_t>(input, place, to);
  else append_row<int32_t>(input, place, to);
}

template <class Id>
void Loader::append_row(uint32_t input, Place place, std::vector<uint64_t>& to) const {
  const auto [column, row] = place;
  const bool bag = is_bag(inputs_[input].dtype);
  const Id* ids = bag ? static_cast<const Id*>(column.data) + column.offsets[row] : row_of<Id>(column, row);
  const uint64_t count = bag ? column.offsets[row + 1] - column.offsets[row] : 1;
  if (bag && (column.offsets[row] > column.length || count > column.length - column.offsets[row])) return;
  for (uint64_t i = 0; i < count; ++i) {
    if (unsigned_id(ids[i]) <= inputs_[input].limit - 1) to.push_back(uint64_t(ids[i]));
  }
}

void Loader::note(Bad bad) {
  const std::lock_guard lock(mutex_);
  const auto order = [](const Bad& b) { return std::pair(b.position, b.input); };
  if (!bad_ || order(bad) < order(*bad_)) bad_ = std::move(bad);
  any_bad_.store(true, std::memory_order_relaxed);
}

void Loader::begin_step(const StepContext& step) {
  first_position_ = step.first_position;
  mask_keys_.clear();
  for (const Input& input : inputs_) mask_keys_.push_back(random_key(step.seed, input.mask_stream, step.step));
  bad_.reset();
  any_bad_.store(false, std::memory_order_relaxed);
  bag_ids_.store(0, std::memory_order_relaxed);
}

void Loader::check() {
  if (failed()) {
    throw Error({bad_->what, "input " + inputs_[bad_->input].name + ", row " + std::to_string(bad_->row), bad_->got,
                 bad_->expected, "Map ids into the table (hash or vocabulary) before they reach the program."});
  }
  if (bag_ids_.load(std::memory_order_relaxed) >= kMostBagIds) {
    throw Error({"too many ids in the bags of one batch", "run", std::to_string(bag_ids_), "below 2^31",
                 "Use a smaller batch."});
  }
}

}  // namespace pairloom
