// Records of equal size in the slots of files: what does not fit in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cpu/tiers/scratch_file.h"

namespace pairloom {

// Threads may call it at once, but only one writes to a region. The regions are in several files, since file systems
// let nobody read from a file while a write takes new space for it.
class RecordFile {
 public:
  // Throws Error if the directory has no room for such files.
  RecordFile(const std::string& directory, uint64_t regions, uint64_t slots_a_region, size_t record_bytes);

  // Bytes [skipped, skipped + bytes) of the record in a slot.
  struct Piece {
    uint64_t slot;
    size_t skipped, bytes;
    char* memory;
  };
  using Run = std::span<const Piece>;
  // Ascending pieces that are near each other are a run: one operation reads it.
  std::vector<Run> runs(std::span<const Piece> pieces) const;

  // All throw Error when the disk fails.
  void read(Run run);
  // The record is in memory of this thread until its next call.
  const char* read(uint64_t slot);
  // Ascending pieces of one region.
  void write(std::span<const Piece> pieces);

  // The slots of regions from this one on take no space any more.
  void cut(uint64_t region);

  struct Traffic {
    uint64_t reads, writes, bytes_read, bytes_written, allocated;
  };
  Traffic traffic() const;

 private:
  static constexpr size_t kBlock = 4096, kMostFiles = 16;

  uint64_t region_of(uint64_t slot) const { return slot / slots_a_region_; }
  ScratchFile& file_of(uint64_t slot) const { return *files_[region_of(slot) % files_.size()]; }
  uint64_t offset_of(uint64_t slot) const;
  uint64_t end_of(uint64_t slot) const { return offset_of(slot) + record_bytes_; }
  bool has_gaps(Run run, ScratchFile::Range range) const;
  void write_run(Run run);

  const uint64_t slots_a_region_;
  const size_t record_bytes_, per_block_, stride_;  // records per block, 0 for larger ones, whose distance is `stride`
  const uint64_t region_bytes_;
  std::vector<std::unique_ptr<ScratchFile>> files_;
};

}  // namespace pairloom
