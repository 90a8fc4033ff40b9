// Records of equal size in a sparse file: what does not fit in memory. Nobody else sees the file, and it is gone with
// the process, however it ends.
#pragma once

#include <atomic>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/memory.h"

namespace pairloom {

// Reads and writes whole sectors past the page cache, where the file system allows this. Threads may call it at once;
// of one record, one reads or writes at a time.
class RecordFile {
 public:
  // Throws Error if the directory has no room for such a file.
  RecordFile(const std::string& directory, uint64_t records, size_t record_bytes);
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  // Whether the record was written, or is about to be.
  bool has(uint64_t record) const { return (word(record).load(std::memory_order_relaxed) >> (record % 64)) & 1; }
  void add(uint64_t record) { word(record).fetch_or(bit(record), std::memory_order_relaxed); }
  // All that are there, ascending.
  std::vector<uint64_t> records() const;
  // Whether threads may write one record while others write the other.
  bool apart(uint64_t record, uint64_t later) const {
    return span_of(later).offset >= span_of(record).offset + span_of(record).bytes;
  }
  void remove(uint64_t record) { word(record).fetch_and(~bit(record), std::memory_order_relaxed); }

  // All throw Error when the disk fails.
  void read(uint64_t record, char* to);
  void write(uint64_t record, const char* from);
  // Calls change(record, bytes) for each record of [first, first + count), in order. They are read many at a time; what
  // was never written is undefined. With `writes`, the changed records are written back; then nobody else writes records
  // that are not apart from them.
  void each(uint64_t first, uint64_t count, bool writes, const std::function<void(uint64_t, char*)>& change);

  // Records from `first` on are no longer there and take no space.
  void cut(uint64_t first);

  uint64_t reads() const { return reads_; }
  uint64_t writes() const { return writes_; }
  uint64_t bytes_read() const { return bytes_read_; }
  uint64_t bytes_written() const { return bytes_written_; }
  // Bytes of the disk that the file takes.
  uint64_t allocated() const;
  // Memory for the bits of so many records.
  static uint64_t memory_for(uint64_t records) { return records / 8 + 8; }

 private:
  static constexpr size_t kBlock = 4096, kLocks = 64;

  struct Span {
    uint64_t offset;
    size_t bytes, skipped;  // whole sectors, and what precedes the record in them
  };

  std::atomic<uint64_t>& word(uint64_t record) const { return words_[record / 64]; }
  static uint64_t bit(uint64_t record) { return uint64_t{1} << (record % 64); }
  uint64_t offset_of(uint64_t record) const;
  Span span_of(uint64_t record) const;
  void find_sectors();
  void read_at(uint64_t offset, size_t bytes, char* to);
  void write_at(uint64_t offset, size_t bytes, const char* from);
  [[noreturn]] void fail(const char* what, int error) const;

  const std::string directory_;
  const uint64_t records_;
  const size_t record_bytes_, per_block_, stride_;  // records per block, 0 for larger ones, whose distance is `stride`
  int descriptor_ = -1;
  size_t sector_ = 1;    // offsets and sizes are multiples of it
  bool direct_ = false;  // past the page cache
  Block<uint64_t> bits_;
  std::atomic<uint64_t>* const words_;
  std::array<std::mutex, kLocks> locks_;  // of blocks in which records are written
  std::atomic<uint64_t> reads_{0}, writes_{0}, bytes_read_{0}, bytes_written_{0};
};

}  // namespace pairloom
