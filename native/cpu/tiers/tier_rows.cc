// The rows of a tier as others read, write and move them between steps, wherever they are.
#include <algorithm>
#include <cstring>

#include "cpu/tiers/tier.h"
#include "program/error.h"

namespace pairloom {
namespace {

constexpr size_t kMostAtOnce = size_t{2} << 20;  // bytes of records that are changed
constexpr size_t kMostParts =
    4 * RecordSlots::kRegion;  // that are read or written; of whole regions, so that neighbours are read together

uint64_t slot_in(const char* saved) {
  uint64_t slot;
  std::memcpy(&slot, saved, sizeof slot);
  return slot;
}

}  // namespace

template <class Use>
void Tier::each_parts(const Column& column, uint64_t from, uint64_t count, char* values, const Use& use) {
  const size_t bytes = column.shape.row_bytes(), number = bytes_of(column.shape.dtype);
  const uint64_t begin = from * number, end = (from + count) * number;
  std::vector<Part> parts;
  for (uint64_t row = begin / bytes; row * bytes < end; ++row) {
    const uint64_t first = std::max(begin, row * bytes), last = std::min(end, (row + 1) * bytes);
    parts.push_back({row, first - row * bytes, last - first, values + (first - begin)});
    if (parts.size() < kMostParts && last < end) continue;
    use(parts);
    parts.clear();
  }
}

void Tier::read(size_t index, uint64_t from, uint64_t count, void* into) {
  each_parts(columns_[index], from, count, static_cast<char*>(into), [&](const auto& parts) { gather(index, parts); });
}

void Tier::write(size_t index, uint64_t from, uint64_t count, const void* values) {
  char* const begin = const_cast<char*>(static_cast<const char*>(values));
  each_parts(columns_[index], from, count, begin, [&](const auto& parts) { scatter(index, parts); });
}

void Tier::read_pieces(std::vector<RecordFile::Piece>& pieces) {
  std::ranges::sort(pieces, {}, &RecordFile::Piece::slot);
  const auto runs = file_.runs(pieces);
  IoBatch batch(readers_, runs.size(), [&](size_t i) { file_.read(runs[i]); });
  if (const std::exception_ptr failure = batch.wait()) std::rethrow_exception(failure);
}

void Tier::gather(size_t index, std::span<const Part> parts) {
  settle();
  const Column& column = columns_[index];
  std::vector<RecordFile::Piece> pieces;
  std::vector<char> initial(column.shape.row_bytes());
  for (const auto& [row, skipped, bytes, to] : parts) {
    if (const uint32_t frame = frames_.find(row)) {
      std::memcpy(to, at(column, frame - 1) + skipped, bytes);
      continue;
    }
    const RecordStore::Found found = store_.find(row);
    switch (found.where) {
      case RecordStore::Where::kInFile: pieces.push_back({found.slot, column.offset + skipped, bytes, to}); break;
      case RecordStore::Where::kInMemory: std::memcpy(to, found.bytes + column.offset + skipped, bytes); break;
      case RecordStore::Where::kNowhere:
        initialize(column, name_of(row), initial.data());
        std::memcpy(to, initial.data() + skipped, bytes);
    }
  }
  read_pieces(pieces);
}

void Tier::scatter(size_t index, std::span<const Part> parts) {
  const auto descends = [](const Part& a, const Part& b) { return a.row >= b.row; };
  if (std::adjacent_find(parts.begin(), parts.end(), descends) != parts.end()) {
    throw Error({"rows to write to a table in a file do not ascend", "scatter", "", "ascending rows", ""});
  }
  settle();
  touched_ = true;
  const Column& column = columns_[index];
  std::vector<Part> others;
  for (const Part& part : parts) {
    const uint32_t found = frames_.find(part.row), held = found != 0 ? found : claim(part.row);
    if (held == 0) {
      others.push_back(part);
      continue;
    }
    frames_.set_dirty(held - 1);
    std::memcpy(at(column, held - 1) + part.skipped, part.bytes_of_caller, part.bytes);
  }
  const size_t most = kMostAtOnce / record_bytes_ + 1;
  for (size_t first = 0; first < others.size(); first += most) {
    scatter_to_file(column, std::span(others).subspan(first, std::min(most, others.size() - first)));
  }
}

// Reads the records of rows that are in no frame, changes them and sends them to the file again.
void Tier::scatter_to_file(const Column& column, std::span<const Part> parts) {
  std::vector<char> records(parts.size() * record_bytes_);
  const auto record = [&](size_t i) { return records.data() + i * record_bytes_; };
  std::vector<RecordFile::Piece> pieces;
  for (size_t i = 0; i < parts.size(); ++i) {
    const RecordStore::Found found = store_.find(parts[i].row);
    switch (found.where) {
      case RecordStore::Where::kInFile: pieces.push_back({found.slot, 0, record_bytes_, record(i)}); break;
      case RecordStore::Where::kInMemory: std::memcpy(record(i), found.bytes, record_bytes_); break;
      case RecordStore::Where::kNowhere:
        for (const Column& each : columns_) initialize(each, name_of(parts[i].row), record(i) + each.offset);
    }
  }
  read_pieces(pieces);
  for (size_t i = 0; i < parts.size(); ++i) {
    std::memcpy(record(i) + column.offset + parts[i].skipped, parts[i].bytes_of_caller, parts[i].bytes);
    send(parts[i].row, record(i));
  }
}

void Tier::send(uint64_t row, const char* record) {
  std::memcpy(store_.put(row), record, record_bytes_);
  store_.send(row);
}

void Tier::forget(uint64_t row) {
  finish_loads();
  drop(row);
  mark_changed(row);
}

// A failed step may need a record of the file again.
void Tier::drop(uint64_t row) {
  if (const uint32_t found = frames_.find(row)) frames_.empty(found - 1);
  if (store_.find(row).where == RecordStore::Where::kInFile) store_.retire(row);
  else store_.remove(row);
}

// A record that is only in the file stays there: nothing takes its slot before the next step has begun.
void Tier::save(uint64_t row, char* to) {
  finish_loads();
  Saved saved = Saved::kBytes;
  const RecordStore::Found found = store_.find(row);
  if (const uint32_t frame = frames_.find(row)) {
    pack(frame - 1, to);
  } else if (found.where == RecordStore::Where::kInMemory) {
    std::memcpy(to, found.bytes, record_bytes_);
  } else {
    saved = found.where == RecordStore::Where::kInFile ? Saved::kInFile : Saved::kNothing;
    std::memcpy(to, &found.slot, sizeof found.slot);
  }
  to[saved_bytes() - 1] = char(saved);
}

void Tier::restore(uint64_t row, const char* from) {
  forget(row);
  const Saved saved = Saved(from[saved_bytes() - 1]);
  if (saved == Saved::kBytes) send(row, from);
  if (saved == Saved::kInFile) store_.restore(row, slot_in(from));
}

void Tier::move(uint64_t from, uint64_t to) {
  forget(to);
  std::vector<char> record(saved_bytes());
  save(from, record.data());
  const Saved saved = Saved(record[saved_bytes() - 1]);
  if (saved == Saved::kInFile) std::memcpy(record.data(), file_.read(slot_in(record.data())), record_bytes_);
  if (saved != Saved::kNothing) send(to, record.data());
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
  store_.remove_from(first);
  file_.cut((first + RecordSlots::kRegion - 1) / RecordSlots::kRegion);
}

uint32_t Tier::claim(uint64_t row) {
  uint32_t frame = 0;
  if (store_.find(row).where != RecordStore::Where::kNowhere || !frames_.take_empty(frame)) return 0;
  frames_.put(frame, row, name_of(row), step_);
  for (const Column& column : columns_) initialize(column, name_of(row), at(column, frame));
  return frame + 1;
}

std::vector<uint64_t> Tier::touched() {
  settle();
  return with_frames([&](uint32_t frame) { return frames_.is_dirty(frame); });
}

// The rows of the store, and those of frames that `adds`, ascending.
template <class Adds>
std::vector<uint64_t> Tier::with_frames(const Adds& adds) {
  std::vector<uint64_t> rows = store_.records();
  const size_t stored = rows.size();
  for (uint32_t frame = 0; frame < frames_.size(); ++frame) {
    if (!frames_.is_empty(frame) && adds(frame)) rows.push_back(frames_.row_of(frame));
  }
  merge_rest(rows, stored);
  return rows;
}

// Rows that exist already get the values now, the others when they are first used.
void Tier::fill(size_t index, const Fill& init) {
  settle();
  Column& column = columns_[index];
  column.init = init;
  if (!touched_) return;
  const std::vector<uint64_t> rows = with_frames([](uint32_t) { return true; });
  const size_t bytes = column.shape.row_bytes(), most = kMostAtOnce / bytes + 1;
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
