#include "cpu/tiers/tier.h"

#include <algorithm>
#include <cstring>

#include "program/error.h"

namespace pairloom {
namespace {

constexpr uint32_t kThreads = 16;
constexpr size_t kFrameBytes = 24;   // besides the row's numbers: its name, its place in the index, and what it is used for
constexpr size_t kLeastPlaces = 8, kMostPlaces = 16384, kPlacesShare = 16;  // of the queue: this share of the memory
constexpr size_t kLoadsAtOnce = 4;
constexpr size_t kMostRun = size_t{1} << 20, kMostGap = size_t{16} << 10;  // bytes that one transfer has, and may skip
constexpr uint32_t kAlways = ~uint32_t{0};  // a step that never comes
constexpr uint64_t kMostFrames = (uint64_t{1} << 31) - 1;

size_t record_bytes_of(const std::vector<TierColumn>& columns) {
  size_t bytes = 0;
  for (const TierColumn& column : columns) bytes += (column.row_bytes() + 3) / 4 * 4;
  return bytes;
}

size_t places_for(const TierSpec& spec, size_t record_bytes) {
  return std::clamp<size_t>(spec.memory / kPlacesShare / (record_bytes + 32), kLeastPlaces, kMostPlaces);
}

size_t frames_for(const TierSpec& spec, size_t record_bytes, size_t places) {
  const uint64_t fixed = RecordFile::memory_for(spec.rows) + WriteQueue::memory_for(places, record_bytes);
  const uint64_t frame = record_bytes + kFrameBytes + (spec.keyed ? sizeof(uint64_t) : 0), least = spec.keyed ? 2 : 1;
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
      frames_(frames_for(spec_, record_bytes_, places_)),
      rows_(frames_ + 1),
      keys_(spec_.keyed ? frames_ : 0),
      used_(frames_),
      heat_(frames_),
      dirty_(frames_),
      index_(rows_.data(), frames_, frames_),
      names_{spec_.keyed ? keys_.data() : rows_.data() + 1, spec_.keyed, true},
      file_(std::make_unique<RecordFile>(spec_.directory, spec_.rows, record_bytes_)),
      threads_(std::make_unique<IoThreads>(kThreads)),
      queue_(std::make_unique<WriteQueue>(*file_, *threads_, places_, record_bytes_)) {
  size_t offset = 0;
  for (const TierColumn& shape : spec_.columns) {
    columns_.push_back({.shape = shape, .offset = offset, .data = Block<char>(frames_ * shape.row_bytes())});
    offset += (shape.row_bytes() + 3) / 4 * 4;
  }
  std::fill_n(rows_.data(), frames_ + 1, kNone);
  if (spec_.keyed) hold_unknown();
}

// Row 0 has no key. It is the frame 0, as the names of the frames say, and stays there.
void Tier::hold_unknown() {
  row_of(0) = 0;
  index_.insert(0, 1);
  used_[0] = kAlways;
  dirty_[0] = 1;
}

void Tier::name_rows(const RowNames& names) {
  outer_ = &names;
  names_.trains_unknown = names.trains_unknown;
}

Tier::~Tier() {
  wait();
  for (Loading& loading : loading_) loading.batch.wait();
}

// A prefetched frame counts as used by the step that it was brought for.
void Tier::place(std::span<uint64_t> rows, bool trains) {
  wait();
  queue_->retry();
  ++step_;
  std::vector<uint64_t> found(rows.size());
  const bool enough = bring(rows, found, step_);
  finish_loads();
  if (!enough) refuse(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint32_t frame = uint32_t(found[i] - 1);
    if (trains) {
      dirty_[frame] = 1;
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

void Tier::prefetch(std::function<void(std::vector<uint64_t>&)> rows) {
  prefetching_.emplace(*threads_, 1, [this, append = std::move(rows)](size_t) {
    std::vector<uint64_t> next;
    append(next);
    std::vector<uint64_t> found(next.size());
    const uint64_t misses = lookups_ - hits_;
    bring(next, found, step_ + 1);
    prefetched_ += lookups_ - hits_ - misses;
  });
}

// What fails while rows are prefetched fails again when they are needed.
void Tier::wait() {
  if (prefetching_) prefetching_->wait();
  prefetching_.reset();
}

bool Tier::bring(std::span<const uint64_t> rows, std::span<uint64_t> found, uint32_t step) {
  touched_ = true;
  std::vector<Load> loads;
  std::vector<size_t> missing;
  index_.find(rows, found);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (found[i] == 0) missing.push_back(i);
    else use(uint32_t(found[i] - 1), step);
  }
  bool enough = true;
  try {
    for (const size_t i : missing) {
      found[i] = index_.find(rows[i]);
      if (found[i] != 0) continue;
      uint32_t frame = 0;
      enough = take_frame(frame);
      if (!enough) break;
      assign(frame, rows[i], step, loads);
      found[i] = uint64_t{frame} + 1;
    }
  } catch (...) {
    start(std::move(loads));
    throw;
  }
  start(std::move(loads));
  return enough;
}

void Tier::use(uint32_t frame, uint32_t step) {
  if (used_[frame] >= step) return;
  used_[frame] = step;
  ++lookups_;
  ++hits_;
  if (heat_[frame] < kMostHeat) ++heat_[frame];
}

// The clock algorithm: a frame that was used often survives several turns of the hand.
bool Tier::take_frame(uint32_t& frame) {
  for (uint64_t turn = 0; turn <= (uint64_t{kMostHeat} + 1) * frames_; ++turn) {
    frame = hand_;
    hand_ = hand_ + 1 == frames_ ? 0 : hand_ + 1;
    if (row_of(frame) == kNone) return true;
    if (is_pinned(frame)) continue;
    if (heat_[frame] > 0) {
      --heat_[frame];
      continue;
    }
    evict(frame);
    return true;
  }
  return false;
}

void Tier::evict(uint32_t frame) {
  const uint64_t row = row_of(frame);
  if (dirty_[frame]) {
    pack(frame, queue_->put(row));
    file_->add(row);
    queue_->send(row);
  }
  empty(frame);
}

void Tier::empty(uint32_t frame) {
  index_.erase(row_of(frame));
  row_of(frame) = kNone;
  dirty_[frame] = heat_[frame] = 0;
  used_[frame] = 0;
}

void Tier::assign(uint32_t frame, uint64_t row, uint32_t step, std::vector<Load>& loads) {
  row_of(frame) = row;
  if (spec_.keyed) keys_[frame] = name_of(row);
  index_.insert(row, frame + 1);
  used_[frame] = step;
  heat_[frame] = 1;
  ++lookups_;
  if (const char* record = queue_->find(row)) unpack(record, frame);
  else loads.push_back({row, frame});
}

void Tier::start(std::vector<Load> loads) {
  if (loads.empty()) return;
  const auto shared = std::make_shared<const std::vector<Load>>(loads);
  IoBatch batch(*threads_, loads.size(), [this, shared](size_t i) { load((*shared)[i]); }, kLoadsAtOnce);
  loading_.push_back({std::move(loads), std::move(batch)});
}

void Tier::load(const Load& load) {
  thread_local std::vector<char> record;
  record.resize(record_bytes_);
  if (file_->has(load.row)) {
    file_->read(load.row, record.data());
    return unpack(record.data(), load.frame);
  }
  for (const Column& column : columns_) initialize(column, names_.keys[load.frame], at(column, load.frame));
}

// Frames whose rows could not be read are empty again.
void Tier::finish_loads() {
  std::exception_ptr failure;
  for (Loading& loading : std::exchange(loading_, {})) {
    const std::exception_ptr failed = loading.batch.wait();
    if (!failed) continue;
    failure = failed;
    for (const Load& load : loading.loads) empty(load.frame);
  }
  if (failure) std::rethrow_exception(failure);
}

void Tier::settle() {
  wait();
  finish_loads();
  queue_->drain();
}

void Tier::pack(uint32_t frame, char* record) {
  for (const Column& column : columns_) std::memcpy(record + column.offset, at(column, frame), column.shape.row_bytes());
}

void Tier::unpack(const char* record, uint32_t frame) {
  for (const Column& column : columns_) std::memcpy(at(column, frame), record + column.offset, column.shape.row_bytes());
}

void Tier::initialize(const Column& column, uint64_t name, char* to) const {
  const auto& [dtype, width] = column.shape;
  const RowDraws draws = row_draws(random_key(column.init.seed, column.init.stream, 0), name, width);
  fill_row(to, dtype, width, column.init, draws);
}

// Calls use(row, record, overlap) for each row of which the range has a part. See RecordFile::each.
template <class Use>
void Tier::each_row(const Column& column, uint64_t from, uint64_t count, bool writes, const Use& use) {
  const size_t bytes = column.shape.row_bytes(), number = bytes_of(column.shape.dtype);
  const uint64_t begin = from * number, end = (from + count) * number;
  const uint64_t first_row = begin / bytes, end_row = (end + bytes - 1) / bytes;
  file_->each(first_row, end_row - first_row, writes, [&](uint64_t row, char* record) {
    const uint64_t first = std::max(begin, row * bytes), last = std::min(end, (row + 1) * bytes);
    use(row, record, Overlap{first - row * bytes, first - begin, last - first});
  });
}

// The numbers of a row that is in a frame, or on its way to the file; otherwise null.
const char* Tier::in_memory(const Column& column, uint64_t row) {
  if (const uint32_t found = index_.find(row)) return at(column, found - 1);
  const char* waiting = queue_->find(row);
  return waiting == nullptr ? nullptr : waiting + column.offset;
}

const char* Tier::numbers_of(const Column& column, uint64_t row, char* record) {
  if (const char* found = in_memory(column, row)) return found;
  if (!file_->has(row)) initialize(column, name_of(row), record + column.offset);
  return record + column.offset;
}

char* Tier::writable(const Column& column, uint64_t row, char* record) {
  if (const uint32_t found = index_.find(row)) {
    dirty_[found - 1] = 1;
    return at(column, found - 1);
  }
  if (const char* waiting = queue_->find(row)) {
    std::memcpy(record, waiting, record_bytes_);
    queue_->remove(row);
  } else if (!file_->has(row)) {
    for (const Column& each : columns_) initialize(each, name_of(row), record + each.offset);
    file_->add(row);
  }
  return record + column.offset;
}

void Tier::read(size_t index, uint64_t from, uint64_t count, void* into) {
  settle();
  const Column& column = columns_[index];
  each_row(column, from, count, false, [&](uint64_t row, char* record, const Overlap& part) {
    std::memcpy(static_cast<char*>(into) + part.in_range, numbers_of(column, row, record) + part.in_row, part.bytes);
  });
}

void Tier::write(size_t index, uint64_t from, uint64_t count, const void* values) {
  settle();
  touched_ = true;
  const Column& column = columns_[index];
  each_row(column, from, count, true, [&](uint64_t row, char* record, const Overlap& part) {
    std::memcpy(writable(column, row, record) + part.in_row, static_cast<const char*>(values) + part.in_range, part.bytes);
  });
}

// Calls use(part, record) for all parts. Neighbours in the file whose rows ascend are read at once, others by other threads.
template <class Use>
void Tier::each_part(std::span<const Part> parts, bool writes, const Use& use) {
  const uint64_t most_gap = kMostGap / record_bytes_ + 1, most = kMostRun / record_bytes_ + 1;
  std::vector<size_t> starts;
  for (size_t i = 0; i < parts.size(); ++i) {
    const uint64_t row = parts[i].row, before = i == 0 ? 0 : parts[i - 1].row;
    const bool follows = i > 0 && row >= before && row - before <= most_gap && row - parts[starts.back()].row < most;
    const bool joined = writes && i > 0 && row >= before && !file_->apart(before, row);
    if (!follows && !joined) starts.push_back(i);
  }
  IoBatch batch(*threads_, starts.size(), [&](size_t run) {
    size_t next = starts[run];
    const size_t end = run + 1 < starts.size() ? starts[run + 1] : parts.size();
    file_->each(parts[next].row, parts[end - 1].row + 1 - parts[next].row, writes, [&](uint64_t row, char* record) {
      for (; next < end && parts[next].row == row; ++next) use(parts[next], record);
    });
  }, kLoadsAtOnce);
  if (const std::exception_ptr failure = batch.wait()) std::rethrow_exception(failure);
}

void Tier::gather(size_t index, std::span<const Part> parts) {
  settle();
  const Column& column = columns_[index];
  each_part(parts, false, [&](const Part& part, char* record) {
    std::memcpy(part.bytes_of_caller, numbers_of(column, part.row, record) + part.skipped, part.bytes);
  });
}

void Tier::scatter(size_t index, std::span<const Part> parts) {
  const auto descends = [](const Part& a, const Part& b) { return a.row >= b.row; };
  if (std::adjacent_find(parts.begin(), parts.end(), descends) != parts.end()) {
    throw Error({"rows to write to a table in a file do not ascend", "scatter", "", "ascending rows", ""});
  }
  settle();
  touched_ = true;
  const Column& column = columns_[index];
  std::vector<Part> of_file;
  for (const Part& part : parts) {
    const uint32_t found = index_.find(part.row), held = found != 0 ? found : claim(part.row);
    if (held == 0) {
      of_file.push_back(part);
      continue;
    }
    dirty_[held - 1] = 1;
    std::memcpy(at(column, held - 1) + part.skipped, part.bytes_of_caller, part.bytes);
  }
  each_part(of_file, true, [&](const Part& part, char* record) {
    std::memcpy(writable(column, part.row, record) + part.skipped, part.bytes_of_caller, part.bytes);
  });
}

void Tier::send(uint64_t row, const char* record) {
  std::memcpy(queue_->put(row), record, record_bytes_);
  file_->add(row);
  queue_->send(row);
}

void Tier::forget(uint64_t row) {
  finish_loads();
  if (const uint32_t found = index_.find(row)) empty(found - 1);
  queue_->remove(row);
  file_->remove(row);
  mark_changed(row);
}

// A record that is only in the file stays there: it is not written to before the next step.
void Tier::save(uint64_t row, char* to) {
  finish_loads();
  Saved saved = Saved::kBytes;
  if (const uint32_t found = index_.find(row)) pack(found - 1, to);
  else if (const char* waiting = queue_->find(row)) std::memcpy(to, waiting, record_bytes_);
  else saved = file_->has(row) ? Saved::kInFile : Saved::kNothing;
  to[record_bytes_] = char(saved);
}

void Tier::restore(uint64_t row, const char* from) {
  forget(row);
  if (Saved(from[record_bytes_]) == Saved::kBytes) send(row, from);
  if (Saved(from[record_bytes_]) == Saved::kInFile) file_->add(row);
}

void Tier::move(uint64_t from, uint64_t to) {
  forget(to);
  std::vector<char> record(saved_bytes());
  save(from, record.data());
  if (Saved(record[record_bytes_]) == Saved::kInFile) file_->read(from, record.data());
  if (Saved(record[record_bytes_]) != Saved::kNothing) send(to, record.data());
  for (const Column& column : columns_) {
    if (column.changed != nullptr) column.changed[to] = column.changed[from];
  }
  if (const uint32_t found = index_.find(from)) empty(found - 1);
  queue_->remove(from);
  file_->remove(from);
}

void Tier::release(uint64_t first) {
  settle();
  for (uint32_t frame = 0; frame < frames_; ++frame) {
    if (row_of(frame) != kNone && row_of(frame) >= first) empty(frame);
  }
  file_->cut(first);
}

uint32_t Tier::claim(uint64_t row) {
  const uint32_t frame = hand_;
  if (row_of(frame) != kNone || file_->has(row)) return 0;
  hand_ = hand_ + 1 == frames_ ? 0 : hand_ + 1;
  row_of(frame) = row;
  if (spec_.keyed) keys_[frame] = name_of(row);
  index_.insert(row, frame + 1);
  used_[frame] = step_;
  heat_[frame] = 1;
  for (const Column& column : columns_) initialize(column, name_of(row), at(column, frame));
  return frame + 1;
}

std::vector<uint64_t> Tier::touched() {
  settle();
  std::vector<uint64_t> rows = file_->records();
  const auto in_file = ptrdiff_t(rows.size());
  for (uint32_t frame = 0; frame < frames_; ++frame) {
    if (dirty_[frame] && !file_->has(row_of(frame))) rows.push_back(row_of(frame));
  }
  std::sort(rows.begin() + in_file, rows.end());
  std::inplace_merge(rows.begin(), rows.begin() + in_file, rows.end());
  return rows;
}

// Rows that exist already get the values now, the others when they are first used.
void Tier::fill(size_t index, const Fill& init) {
  settle();
  Column& column = columns_[index];
  column.init = init;
  std::vector<uint64_t> rows = touched_ ? file_->records() : std::vector<uint64_t>();
  for (uint32_t frame = 0; touched_ && frame < frames_; ++frame) {
    if (row_of(frame) != kNone && !file_->has(row_of(frame))) rows.push_back(row_of(frame));
  }
  std::sort(rows.begin(), rows.end());
  const size_t bytes = column.shape.row_bytes(), most = kMostRun / bytes + 1;
  std::vector<char> values(std::min(most, rows.size()) * bytes);
  for (size_t first = 0; first < rows.size(); first += most) {
    std::vector<Part> parts;
    for (size_t i = first; i < std::min(rows.size(), first + most); ++i) {
      char* const to = values.data() + (i - first) * bytes;
      initialize(column, name_of(rows[i]), to);
      parts.push_back({rows[i], 0, bytes, to});
    }
    scatter(index, parts);
  }
}

void Tier::refuse(std::span<const uint64_t> rows) const {
  std::vector<uint64_t> distinct(rows.begin(), rows.end());
  std::sort(distinct.begin(), distinct.end());
  const auto count = std::unique(distinct.begin(), distinct.end()) - distinct.begin();
  throw Error({"the rows of a batch do not fit in the memory of their table", "",
               std::to_string(count) + " distinct rows of " + std::to_string(record_bytes_) + " bytes",
               "at most " + std::to_string(frames_) + ", in " + std::to_string(spec_.memory) + " bytes of memory",
               "Set store.memory to more, or train.batchSize to less."});
}

Tier::Statistics Tier::statistics() {
  wait();
  return {frames_, lookups_, hits_, prefetched_, file_->reads(), file_->writes(), file_->bytes_read(), file_->bytes_written(),
          record_bytes_, file_->allocated()};
}

}  // namespace pairloom
