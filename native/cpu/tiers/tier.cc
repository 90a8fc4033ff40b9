#include "cpu/tiers/tier.h"

#include <algorithm>
#include <cstring>

#include "program/error.h"

namespace pairloom {
namespace {

constexpr uint32_t kReaders = 64;    // requests that the disk has at once
constexpr size_t kLoadsAtOnce = 2;   // that a thread takes
constexpr uint64_t kSlotsShare = 5;  // the slots of records that move take at most this share of the memory
constexpr size_t kFrameBytes = 24;   // besides the row's numbers: its name, its place in the index, and what it is used for
constexpr size_t kLeastPlaces = 8, kMostPlaces = size_t{1} << 20, kPlacesShare = 16;  // of the store: this share of the memory
constexpr uint64_t kMostFrames = (uint64_t{1} << 31) - 1;

size_t record_bytes_of(const std::vector<TierColumn>& columns) {
  size_t bytes = 0;
  for (const TierColumn& column : columns) bytes += (column.row_bytes() + 3) / 4 * 4;
  return bytes;
}

size_t places_for(const TierSpec& spec, size_t record_bytes) {
  return std::clamp<size_t>(spec.memory / kPlacesShare / (record_bytes + 32), kLeastPlaces, kMostPlaces);
}

bool moves(const TierSpec& spec) { return RecordSlots::memory_for(spec.rows, true) <= spec.memory / kSlotsShare; }

size_t frames_for(const TierSpec& spec, size_t record_bytes, size_t places, bool moving) {
  const uint64_t fixed = RecordSlots::memory_for(spec.rows, moving) + RecordStore::memory_for(places, record_bytes);
  const uint64_t frame = record_bytes + kFrameBytes + (spec.named() ? sizeof(uint64_t) : 0), least = spec.keyed ? 2 : 1;
  if (spec.memory >= fixed + least * frame) return size_t(std::min({spec.rows, kMostFrames, (spec.memory - fixed) / frame}));
  throw Error({"the memory for a table is too small", "", std::to_string(spec.memory) + " bytes",
               "at least " + std::to_string(fixed + least * frame) + " for a single row of " + std::to_string(record_bytes) +
                   " bytes and what finds it",
               "Set store.memory to more: room for the distinct rows of a batch, at least."});
}

}  // namespace

Tier::Tier(TierSpec spec)
    : spec_(std::move(spec)),
      record_bytes_(record_bytes_of(spec_.columns)),
      places_(places_for(spec_, record_bytes_)),
      moving_(moves(spec_)),
      frames_(frames_for(spec_, record_bytes_, places_, moving_), spec_.keyed, spec_.named()),
      of_shard_(spec_.shard ? std::optional(RowNames{nullptr, false, false, &*spec_.shard}) : std::nullopt),
      outer_(of_shard_ ? &*of_shard_ : nullptr),
      file_(spec_.directory, RecordSlots::region_of(spec_.rows) + 1, RecordSlots::slots_a_region(moving_), record_bytes_),
      store_(file_, RecordSlots(spec_.rows, moving_), places_, record_bytes_),
      readers_(kReaders),
      prefetcher_(1) {
  size_t offset = 0;
  for (const TierColumn& shape : spec_.columns) {
    columns_.push_back({.shape = shape, .offset = offset, .data = Block<char>(frames_.size() * shape.row_bytes())});
    offset += (shape.row_bytes() + 3) / 4 * 4;
  }
}

void Tier::name_rows(const RowNames& names) {
  outer_ = &names;
  frames_.set_trains_unknown(names.trains_unknown);
}

Tier::~Tier() {
  wait();
  for (Loading& loading : loading_) loading.batch.wait();
}

// A prefetched frame counts as used by the step that it was brought for.
void Tier::place(std::span<uint64_t> rows, bool trains) {
  wait();
  store_.begin_step();
  ++step_;
  std::vector<uint64_t> found(rows.size());
  const bool enough = bring(rows, found, step_);
  finish_loads(step_);
  if (!enough) refuse(rows);
  const auto is_loading = [&](uint64_t frame) { return frames_.is_loading(uint32_t(frame - 1)); };
  if (std::any_of(found.begin(), found.end(), is_loading)) finish_loads();  // was brought for a later step
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint32_t frame = uint32_t(found[i] - 1);
    if (trains) {
      frames_.set_dirty(frame);
      mark_changed(rows[i]);
    }
    rows[i] = frame;
  }
}

void Tier::mark_changed(uint64_t row) const {
  for (const Column& column : columns_) {
    if (column.changed != nullptr) column.changed[row] = 0xff;
  }
}

// Steps after the next one leave at least half of the frames to the others.
void Tier::prefetch(uint32_t ahead, std::function<void(std::vector<uint64_t>&)> rows) {
  prefetching_.emplace_back(prefetcher_, 1, [this, ahead, append = std::move(rows)](size_t) {
    std::vector<uint64_t> next;
    append(next);
    if (ahead > 1 && next.size() * (ahead + 1) * 2 > frames_.size()) return;
    std::vector<uint64_t> found(next.size());
    const uint64_t misses = lookups_ - hits_;
    bring(next, found, step_ + ahead);
    prefetched_ += lookups_ - hits_ - misses;
  });
}

// What fails while rows are prefetched fails again when they are needed.
void Tier::wait() {
  for (IoBatch& batch : prefetching_) batch.wait();
  prefetching_.clear();
}

bool Tier::bring(std::span<const uint64_t> rows, std::span<uint64_t> found, uint32_t step) {
  touched_ = true;
  std::vector<Load> loads;
  std::vector<size_t> missing;
  frames_.find(rows, found);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (found[i] == 0) missing.push_back(i);
    else use(uint32_t(found[i] - 1), step);
  }
  bool enough = true;
  try {
    for (const size_t i : missing) {
      found[i] = frames_.find(rows[i]);
      if (found[i] != 0) continue;
      uint32_t frame = 0;
      enough = take_frame(frame);
      if (!enough) break;
      assign(frame, rows[i], step, loads);
      found[i] = uint64_t{frame} + 1;
    }
  } catch (...) {
    start(std::move(loads), step);
    throw;
  }
  start(std::move(loads), step);
  return enough;
}

void Tier::use(uint32_t frame, uint32_t step) {
  if (!frames_.use(frame, step)) return;
  ++lookups_;
  ++hits_;
}

bool Tier::take_frame(uint32_t& frame) {
  if (!frames_.take(step_, frame)) return false;
  if (!frames_.is_empty(frame)) evict(frame);
  return true;
}

void Tier::evict(uint32_t frame) {
  const uint64_t row = frames_.row_of(frame);
  if (frames_.is_dirty(frame)) {
    pack(frame, store_.put(row));
    store_.send(row);
  }
  frames_.empty(frame);
}

void Tier::assign(uint32_t frame, uint64_t row, uint32_t step, std::vector<Load>& loads) {
  const RecordStore::Found found = store_.find(row);
  frames_.put(frame, row, name_of(row), step);
  ++lookups_;
  if (found.where == RecordStore::Where::kInMemory) return unpack(found.bytes, frame);
  frames_.set_loading(frame, true);
  loads.push_back({frame, found.where == RecordStore::Where::kInFile, found.slot});
}

void Tier::start(std::vector<Load> loads, uint32_t step) {
  if (loads.empty()) return;
  const auto shared = std::make_shared<const std::vector<Load>>(loads);
  IoBatch batch(readers_, loads.size(), [this, shared](size_t i) { load((*shared)[i]); }, kLoadsAtOnce);
  loading_.push_back({step, std::move(loads), std::move(batch)});
}

void Tier::load(const Load& load) {
  if (load.in_file) return unpack(file_.read(load.slot), load.frame);
  for (const Column& column : columns_) initialize(column, frames_.names().keys[load.frame], at(column, load.frame));
}

// Frames whose rows could not be read are empty again.
void Tier::finish_loads(uint32_t last) {
  std::exception_ptr failure;
  const auto later = std::stable_partition(loading_.begin(), loading_.end(), [&](const Loading& each) { return each.step <= last; });
  std::vector<Loading> finished(std::make_move_iterator(loading_.begin()), std::make_move_iterator(later));
  loading_.erase(loading_.begin(), later);
  for (Loading& loading : finished) {
    const std::exception_ptr failed = loading.batch.wait();
    if (failed) failure = failed;
    for (const Load& load : loading.loads) {
      if (failed) frames_.empty(load.frame);
      else frames_.set_loading(load.frame, false);
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void Tier::settle() {
  wait();
  finish_loads();
}

void Tier::pack(uint32_t frame, char* record) {
  for (const Column& column : columns_) std::memcpy(record + column.offset, at(column, frame), column.shape.row_bytes());
}

void Tier::unpack(const char* record, uint32_t frame) {
  for (const Column& column : columns_) std::memcpy(at(column, frame), record + column.offset, column.shape.row_bytes());
}

void Tier::initialize(const Column& column, uint64_t name, char* to) const {
  const auto& [dtype, columns] = column.shape;
  const RowDraws draws = row_draws(random_key(column.init.seed, column.init.stream, 0), name, columns.width);
  fill_row(to, dtype, columns.size(), column.init, draws_of_columns(draws, columns));
}

void Tier::refuse(std::span<const uint64_t> rows) const {
  std::vector<uint64_t> distinct(rows.begin(), rows.end());
  std::sort(distinct.begin(), distinct.end());
  const auto count = std::unique(distinct.begin(), distinct.end()) - distinct.begin();
  throw Error({"the rows of a batch do not fit in the memory of their table", "",
               std::to_string(count) + " distinct rows of " + std::to_string(record_bytes_) + " bytes",
               "at most " + std::to_string(frames_.size() - (spec_.keyed ? 1 : 0)) + ", in " + std::to_string(spec_.memory) + " bytes of memory",
               "Set store.memory to more, or train.batchSize to less."});
}

Tier::Statistics Tier::statistics() {
  wait();
  return {frames_.size(), lookups_, hits_, prefetched_, record_bytes_, file_.traffic()};
}

}  // namespace pairloom
