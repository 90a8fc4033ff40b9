// Records of equal size in the slots of a sparse file: what does not fit in memory. Nobody else sees the file, and it is
// gone with the process, however it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pairloom {

// Reads and writes whole sectors past the page cache, where the file system allows this. Threads may call it at once, but
// only one writes to a region.
class RecordFile {
 public:
  // `dense`: the slots of a region are used one after the other. Throws Error if the directory has no room for such a file.
  RecordFile(const std::string& directory, uint64_t regions, uint64_t slots_a_region, size_t record_bytes, bool dense);
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  // Bytes [skipped, skipped + bytes) of the record in a slot.
  struct Piece {
    uint64_t slot;
    size_t skipped, bytes;
    char* memory;
  };
  // Ascending pieces that are near each other are a run: one operation reads it.
  std::vector<std::span<const Piece>> runs(std::span<const Piece> pieces) const;

  // All throw Error when the disk fails.
  void read(std::span<const Piece> run);
  // The record is in memory of this thread until its next call.
  const char* read(uint64_t slot);
  // Ascending pieces of one region.
  void write(std::span<const Piece> pieces);

  // Slots of regions from this one on take no space any more.
  void cut(uint64_t region);

  uint64_t reads() const { return reads_; }
  uint64_t writes() const { return writes_; }
  uint64_t bytes_read() const { return bytes_read_; }
  uint64_t bytes_written() const { return bytes_written_; }
  // Bytes of the disk that the file takes.
  uint64_t allocated() const;

 private:
  static constexpr size_t kBlock = 4096;

  struct Range {
    uint64_t offset;
    size_t bytes;  // whole sectors
  };

  uint64_t offset_of(uint64_t slot) const;
  uint64_t end_of(uint64_t slot) const { return offset_of(slot) + record_bytes_; }
  Range range_of(uint64_t begin, uint64_t end) const;
  Range range_of(std::span<const Piece> run) const;
  bool has_gaps(std::span<const Piece> run) const;
  void write_run(std::span<const Piece> run);
  void grow(uint64_t slot);
  void find_sectors();
  void read_at(Range range, char* to);
  void write_at(Range range, const char* from);
  [[noreturn]] void fail(const char* what, int error) const;

  const std::string directory_;
  const uint64_t slots_a_region_;
  const size_t record_bytes_, per_block_, stride_;  // records per block, 0 for larger ones, whose distance is `stride`
  const uint64_t region_bytes_;
  std::vector<uint32_t> grown_;  // by region, if it is dense: slots that have space on the disk
  int descriptor_ = -1;
  size_t sector_ = 1;    // offsets and sizes are multiples of it
  bool direct_ = false;  // past the page cache
  std::atomic<uint64_t> reads_{0}, writes_{0}, bytes_read_{0}, bytes_written_{0};
};

}  // namespace pairloom
