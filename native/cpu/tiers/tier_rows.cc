// The rows of a tier as others read, write and move them between steps, wherever they are.
#include <algorithm>
#include <cstring>

#include "cpu/tiers/tier.h"
#include "program/error.h"

namespace pairloom {
namespace {

constexpr size_t kMostRun = size_t{1} << 20, kMostGap = size_t{16} << 10;  // bytes that one transfer has, and may skip

}  // namespace

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
  if (const uint32_t found = frames_.find(row)) return at(column, found - 1);
  const char* waiting = queue_->find(row);
  return waiting == nullptr ? nullptr : waiting + column.offset;
}

const char* Tier::numbers_of(const Column& column, uint64_t row, char* record) {
  if (const char* found = in_memory(column, row)) return found;
  if (!file_->has(row)) initialize(column, name_of(row), record + column.offset);
  return record + column.offset;
}

char* Tier::writable(const Column& column, uint64_t row, char* record) {
  if (const uint32_t found = frames_.find(row)) {
    frames_.set_dirty(found - 1);
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
    const uint32_t found = frames_.find(part.row), held = found != 0 ? found : claim(part.row);
    if (held == 0) {
      of_file.push_back(part);
      continue;
    }
    frames_.set_dirty(held - 1);
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
  drop(row);
  mark_changed(row);
}

void Tier::drop(uint64_t row) {
  if (const uint32_t found = frames_.find(row)) frames_.empty(found - 1);
  queue_->remove(row);
  file_->remove(row);
}

// A record that is only in the file stays there: it is not written to before the next step.
void Tier::save(uint64_t row, char* to) {
  finish_loads();
  Saved saved = Saved::kBytes;
  if (const uint32_t found = frames_.find(row)) pack(found - 1, to);
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
  drop(from);
}

void Tier::release(uint64_t first) {
  settle();
  for (uint32_t frame = 0; frame < frames_.size(); ++frame) {
    if (!frames_.is_empty(frame) && frames_.row_of(frame) >= first) frames_.empty(frame);
  }
  file_->cut(first);
}

uint32_t Tier::claim(uint64_t row) {
  uint32_t frame = 0;
  if (file_->has(row) || !frames_.take_empty(frame)) return 0;
  frames_.put(frame, row, name_of(row), step_);
  for (const Column& column : columns_) initialize(column, name_of(row), at(column, frame));
  return frame + 1;
}

std::vector<uint64_t> Tier::touched() {
  settle();
  std::vector<uint64_t> rows = file_->records();
  const auto in_file = ptrdiff_t(rows.size());
  for (uint32_t frame = 0; frame < frames_.size(); ++frame) {
    if (frames_.is_dirty(frame) && !file_->has(frames_.row_of(frame))) rows.push_back(frames_.row_of(frame));
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
  for (uint32_t frame = 0; touched_ && frame < frames_.size(); ++frame) {
    if (!frames_.is_empty(frame) && !file_->has(frames_.row_of(frame))) rows.push_back(frames_.row_of(frame));
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

}  // namespace pairloom
