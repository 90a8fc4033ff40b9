#include "runtime/dynamic/table.h"

#include <algorithm>
#include <cmath>

#include "program/error.h"
#include "runtime/dynamic/key_order.h"

namespace pairloom {
namespace {

constexpr size_t kAhead = 16;  // rows and slots are prefetched this number of keys before they are needed
constexpr uint64_t kMostStep = 0xfffffffe;

// Of a state: two codes, the statistics, and the number of keys.
constexpr size_t kHeader = 8;

[[noreturn]] void refuse_state(std::string got) {
  throw Error({"the state is of another translation", "", std::move(got), "", ""});
}

}  // namespace

DynamicTable::DynamicTable(const DynamicSpec& spec)
    : spec_(spec),
      keys_(spec.capacity + 1),
      scores_(spec, spec.capacity + 1),
      used_(spec.capacity / 64 + 1),
      index_(keys_.data(), spec.capacity, spec.grow_from),
      lowest_(keys_.data(), scores_),
      admission_(make_admission(spec)),
      kept_(spec.slots ? std::optional<KeptRows>(std::in_place, *spec.slots, spec.capacity + 1) : std::nullopt),
      names_{keys_.data(), true, spec.trains_unknown, nullptr, kept_ ? kept_->rows() : nullptr} {}

void DynamicTable::attach(std::unique_ptr<RowMemory> memory) {
  if (memory->is_weights()) weights_.push_back(memory.get());
  memories_.push_back(std::move(memory));
}

template <class Work>
void DynamicTable::or_revert(const Work& work) {
  try {
    work();
  } catch (...) {
    revert();
    throw;
  }
}

void DynamicTable::start_log() {
  touched_.clear();
  changes_.clear();
  saved_.clear();
  before_ = statistics_;
  admission_->begin_step();
}

// Those whose weights have a small norm.
std::vector<uint64_t> DynamicTable::outdated() const {
  std::vector<uint64_t> keys;
  for (uint32_t row = 1; row <= numbers_.extent(); ++row) {
    if (spared(row)) continue;
    const std::optional<uint32_t> place = place_of(row);
    if (place && is_small(squares(*place))) keys.push_back(keys_[row]);
  }
  return keys;
}

NormedRows DynamicTable::normed_rows() const {
  NormedRows normed;
  for (uint32_t row = 1; row <= numbers_.extent(); ++row) {
    if (!spared(row) && place_of(row)) normed.rows.push_back(row);
  }
  normed.squares.resize(normed.rows.size());
  return normed;
}

void DynamicTable::add_squares(uint32_t weights, NormedRows& normed) const {
  for (size_t i = 0; i < normed.rows.size(); ++i) {
    normed.squares[i] = weights_[weights]->squares(*place_of(normed.rows[i]), normed.squares[i]);
  }
}

std::vector<uint64_t> DynamicTable::outdated(const NormedRows& normed) const {
  std::vector<uint64_t> keys;
  for (size_t i = 0; i < normed.rows.size(); ++i) {
    if (is_small(normed.squares[i])) keys.push_back(keys_[normed.rows[i]]);
  }
  return keys;
}

void DynamicTable::begin_step(uint64_t step, std::span<const uint64_t> outdated) {
  if (step > kMostStep) {
    throw Error({"a dynamic table counts steps in 32 bits", "", "step " + std::to_string(step),
                 "at most " + std::to_string(kMostStep), ""});
  }
  start_log();
  if (sparse_) compact();
  or_revert([&] { evict_outdated(step, outdated); });
}

void DynamicTable::evict_outdated(uint64_t step, std::span<const uint64_t> outdated) {
  const uint64_t evicted = statistics_.evicted;
  if (spec_.evict == Evict::kAge && step > uint64_t(spec_.evict_number)) evict_unused(step - uint64_t(spec_.evict_number));
  for (const uint64_t key : outdated) {
    if (const uint32_t row = index_.find(key)) evict(row);
  }
  sparse_ = statistics_.evicted > evicted && size() < numbers_.extent() / 2;
}

void DynamicTable::evict_unused(uint64_t oldest) {
  const auto eligible = [&](uint32_t row) { return !spared(row); };
  const uint32_t extent = numbers_.extent();
  for (auto entry = lowest_.first(extent, eligible); entry && entry->score < oldest;
       entry = lowest_.first(extent, eligible)) {
    evict(entry->row);
  }
}

double DynamicTable::squares(uint32_t place) const {
  double sum = 0;
  for (const RowMemory* weights : weights_) sum = weights->squares(place, sum);
  return sum;
}

// Moves the last rows into the free ones. What training means does not depend on it, so it is not reverted.
void DynamicTable::compact() {
  sparse_ = false;
  const auto move_values = [this](uint32_t from, uint32_t to) {
    for (const auto& memory : memories_) memory->move(from, to);
  };
  numbers_.compact(size(), [this](uint32_t row) { return is_free(row); }, [&](uint32_t from, uint32_t to) {
    keys_[to] = keys_[from];
    scores_.set(to, scores_.get(from));
    if (kept_) kept_->renumber(from, to);
    else move_values(from, to);
  });
  const uint32_t extent = numbers_.extent(), places = kept_ ? kept_->compact(move_values) : extent;
  lowest_.reset();
  keys_.release(extent + size_t{1});
  scores_.release(extent + size_t{1});
  for (const auto& memory : memories_) memory->release(places + uint64_t{1});
  index_.clear(2 * extent);
  for (uint32_t row = 1; row <= extent; ++row) index_.insert(keys_[row], row);
}

void DynamicTable::admit(std::span<const uint64_t> keys, std::span<uint64_t> rows, uint64_t step) {
  or_revert([&] {
    touch_known(rows);
    find_admitted(keys, step);
    give_rows(keys, rows);
    finish(step);
  });
}

void DynamicTable::touch_known(std::span<const uint64_t> rows) {
  missing_.clear();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) scores_.prefetch(uint32_t(rows[i + kAhead]));
    if (rows[i] == 0) missing_.push_back(uint32_t(i));
    else touch(uint32_t(rows[i]));
  }
  statistics_.lookups += rows.size();
  statistics_.hits += rows.size() - missing_.size();
}

void DynamicTable::touch(uint32_t row) {
  uint64_t& word = used_[row / 64];
  const uint64_t bit = uint64_t{1} << (row % 64);
  if (word & bit) return scores_.set(row, scores_.get(row) + 1);
  word |= bit;
  touched_.push_back({scores_.get(row), row});
  scores_.set(row, 1);
}

// All keys are counted before any is admitted, so that their order does not matter.
void DynamicTable::find_admitted(std::span<const uint64_t> keys, uint64_t step) {
  if (spec_.admit == Admit::kAll) return;
  for (const uint32_t i : missing_) {
    if (keys[i] != kMissingKey) admission_->count(keys[i]);
  }
  const size_t found = missing_.size();
  std::erase_if(missing_, [&](uint32_t i) { return keys[i] != kMissingKey && !admission_->admits(keys[i], step); });
  statistics_.rejected += found - missing_.size();
}

void DynamicTable::give_rows(std::span<const uint64_t> keys, std::span<uint64_t> rows) {
  for (size_t n = 0; n < missing_.size(); ++n) {
    if (n + kAhead < missing_.size()) index_.prefetch(keys[missing_[n + kAhead]]);
    const uint64_t key = keys[missing_[n]];
    uint32_t row = index_.find(key);
    if (row == 0 && size() == spec_.capacity && !make_room()) refuse_keys(keys);
    if (row == 0) row = give(key);
    touch(row);
    rows[missing_[n]] = row;
  }
}

uint32_t DynamicTable::give(uint64_t key) {
  const bool reuses = numbers_.reuses();
  const uint32_t row = numbers_.take();
  keys_[row] = key;
  scores_.set(row, Scores::kFree);
  index_.insert(key, row);
  admission_->forget(key);
  changes_.push_back({key, 0, row, 0, true, false});
  if (!kept_ || kept_->slots().have(key)) keep(row, key, reuses);
  ++statistics_.admitted;
  return row;
}

// Gives a new row its initial values. What it overwrites is saved, in case the step fails.
void DynamicTable::keep(uint32_t row, uint64_t key, bool reuses) {
  changes_.back().saved = kept_ ? kept_->reuses() : reuses;
  const uint32_t place = kept_ ? kept_->take(row) : row;
  if (changes_.back().saved) save(place);
  for (const auto& memory : memories_) memory->initialize(place, key);
}

// A new key has no score yet, so none of this step is evicted, and nor are those that it uses.
bool DynamicTable::make_room() {
  if (is_fixed()) return false;
  const auto lowest = lowest_.first(numbers_.extent(), [&](uint32_t row) { return !spared(row); });
  if (!lowest) return false;
  prefetch_victims();
  evict(lowest->row);
  return true;
}

void DynamicTable::prefetch_victims() const {
  if (const Lowest::Entry* entry = lowest_.later(2 * kAhead)) {
    index_.prefetch(entry->key);
    scores_.prefetch(entry->row);
  }
  const Lowest::Entry* entry = lowest_.later(kAhead);
  if (entry == nullptr) return;
  index_.prefetch_erase(entry->key);
  const std::optional<uint32_t> place = place_of(entry->row);
  for (const auto& memory : memories_) {
    if (place) memory->prefetch(*place);
  }
}

void DynamicTable::evict(uint32_t row) {
  const uint32_t place = kept_ ? kept_->drop(row) : 0;
  changes_.push_back({keys_[row], scores_.get(row), row, place, false, false});
  index_.erase(keys_[row]);
  scores_.set(row, Scores::kFree);
  numbers_.free(row);
  ++statistics_.evicted;
}

void DynamicTable::finish(uint64_t step) {
  for (const auto& [before, row] : touched_) {
    scores_.set(row, scores_.after(before, scores_.get(row), step));
    used_[row / 64] = 0;
    if (keys_[row] != kMissingKey) lowest_.update(row, numbers_.extent());
  }
}

void DynamicTable::save(uint32_t place) {
  for (const auto& memory : memories_) {
    const size_t at = saved_.size();
    saved_.resize(at + memory->row_bytes());
    memory->save(place, saved_.data() + at);
  }
}

void DynamicTable::revert() {
  for (const auto& [before, row] : touched_) {
    scores_.set(row, before);
    used_[row / 64] = 0;
  }
  for (; !changes_.empty(); changes_.pop_back()) undo(changes_.back());
  touched_.clear();
  lowest_.reset();
  list_free_rows();
  admission_->revert();
  statistics_ = before_;
}

void DynamicTable::undo(const Change& change) {
  const uint32_t row = change.row;
  if (!change.given) {
    keys_[row] = change.key;
    scores_.set(row, change.score);
    if (kept_) kept_->undo_drop(row, change.place);
    return index_.insert(change.key, row);
  }
  index_.erase(change.key);
  scores_.set(row, Scores::kFree);
  if (change.saved) undo_values(*place_of(row));
  if (kept_) kept_->undo_take(row);
}

void DynamicTable::undo_values(uint32_t place) {
  for (auto memory = memories_.rbegin(); memory != memories_.rend(); ++memory) {
    const size_t at = saved_.size() - (*memory)->row_bytes();
    (*memory)->restore(place, saved_.data() + at);
    saved_.resize(at);
  }
}

void DynamicTable::list_free_rows() {
  numbers_.list_free([this](uint32_t row) { return is_free(row); });
  if (kept_) kept_->list_free();
}

std::optional<uint32_t> DynamicTable::place_of(uint64_t row) const {
  if (!kept_) return uint32_t(row);
  const uint32_t place = kept_->place_of(row);
  return place > 0 ? std::optional(place) : std::nullopt;
}

void DynamicTable::insert(std::span<const uint64_t> keys, std::span<uint64_t> rows) {
  start_log();
  or_revert([&] {
    translate(keys, rows);
    touch_known(rows);
    give_rows(keys, rows);
    finish(0);
  });
  statistics_.lookups = before_.lookups;
  statistics_.hits = before_.hits;
}

void DynamicTable::erase(std::span<const uint64_t> keys) {
  start_log();
  for (const uint64_t key : keys) {
    if (const uint32_t row = index_.find(key)) evict(row);
  }
}

std::vector<uint32_t> DynamicTable::ordered_rows() const {
  std::vector<uint32_t> rows;
  rows.reserve(size());
  for (uint32_t row = 1; row <= numbers_.extent(); ++row) {
    if (!is_free(row)) rows.push_back(row);
  }
  order_for_checkpoints({keys_.data(), keys_.size()}, rows);
  return rows;
}

std::vector<int64_t> DynamicTable::state_of(std::span<const uint32_t> ordered) const {
  const Statistics& s = statistics_;
  std::vector<int64_t> state{int64_t(spec_.evict), int64_t(spec_.admit), int64_t(s.admitted), int64_t(s.evicted),
                             int64_t(s.lookups),   int64_t(s.hits),      int64_t(s.rejected), int64_t(size())};
  state.reserve(state.size() + 2 * ordered.size());
  for (const uint32_t row : ordered) state.push_back(int64_t(keys_[row]));
  for (const uint32_t row : ordered) state.push_back(int64_t(scores_.saved(scores_.get(row))));
  admission_->save(state);
  return state;
}

void DynamicTable::restore(std::span<const int64_t> state) {
  const uint64_t size = state.size() < kHeader ? 0 : uint64_t(state[kHeader - 1]);
  if (state.size() < kHeader || state[0] != int64_t(spec_.evict) || state[1] != int64_t(spec_.admit) ||
      size > (state.size() - kHeader) / 2) {
    refuse_state("numbers of another kind of table");
  }
  if (size > spec_.capacity) {
    refuse_state(std::to_string(size) + " keys, for a table of " + std::to_string(spec_.capacity));
  }
  const auto keys = state.subspan(kHeader, size), scores = state.subspan(kHeader + size, size);
  for (size_t i = 1; i < size; ++i) {
    if (!before_in_checkpoints(uint64_t(keys[i - 1]), uint64_t(keys[i]))) refuse_state("keys that are not in order");
  }
  if (!admission_->restore(state.subspan(kHeader + 2 * size))) refuse_state("numbers of another kind of table");
  statistics_ = {uint64_t(state[2]), uint64_t(state[3]), uint64_t(state[4]), uint64_t(state[5]), uint64_t(state[6])};
  index_.clear(std::max(spec_.grow_from, size));
  numbers_ = {};
  if (kept_) kept_->clear();
  for (const int64_t key : keys) {
    const uint32_t row = numbers_.take();
    keys_[row] = uint64_t(key);
    scores_.set(row, scores_.restored(uint64_t(scores[row - 1])));
    index_.insert(keys_[row], row);
    if (kept_ && kept_->slots().have(keys_[row])) kept_->take(row);
  }
  sparse_ = false;
  lowest_.reset();
  start_log();
}

void DynamicTable::refuse_keys(std::span<const uint64_t> keys) const {
  std::vector<uint64_t> fresh;
  for (const uint32_t i : missing_) fresh.push_back(keys[i]);
  std::sort(fresh.begin(), fresh.end());
  const auto count = std::unique(fresh.begin(), fresh.end()) - fresh.begin();
  const uint64_t room = statistics_.admitted - before_.admitted;
  throw Error({"a dynamic table has no room for the new keys of a batch", "", std::to_string(count) + " new keys",
               "at most " + std::to_string(room) + ", of a capacity of " + std::to_string(spec_.capacity),
               is_fixed() ? "Give the table a larger capacity, or evict with lru or lfu."
                          : "Give the table a larger capacity, or train on smaller batches."});
}

}  // namespace pairloom
