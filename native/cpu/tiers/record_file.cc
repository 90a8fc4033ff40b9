#include "cpu/tiers/record_file.h"

#include <algorithm>
#include <cstring>

namespace pairloom {
namespace {

constexpr size_t kMostRun = size_t{256} << 10,
                 kMostGap = size_t{16} << 10;  // bytes that one operation has, and may skip

}  // namespace

RecordFile::RecordFile(const std::string& directory, uint64_t regions, uint64_t slots_a_region, size_t record_bytes)
    : slots_a_region_(slots_a_region),
      record_bytes_(record_bytes),
      per_block_(kBlock / record_bytes),
      stride_(round_up(record_bytes, 512)),
      region_bytes_(per_block_ > 0 ? round_up(slots_a_region, per_block_) / per_block_ * kBlock
                                   : round_up(slots_a_region * stride_, kBlock)) {
  while (files_.size() < std::min<uint64_t>(regions, kMostFiles)) {
    files_.push_back(std::make_unique<ScratchFile>(directory));
  }
}

uint64_t RecordFile::offset_of(uint64_t slot) const {
  const uint64_t base = region_of(slot) / files_.size() * region_bytes_, place = slot % slots_a_region_;
  if (per_block_ == 0) return base + place * stride_;
  return base + place / per_block_ * kBlock + place % per_block_ * record_bytes_;
}

std::vector<RecordFile::Run> RecordFile::runs(std::span<const Piece> pieces) const {
  std::vector<Run> all;
  for (size_t first = 0, next = 1; first < pieces.size(); ++next) {
    const bool follows = next < pieces.size() && region_of(pieces[next].slot) == region_of(pieces[first].slot) &&
                         offset_of(pieces[next].slot) <= end_of(pieces[next - 1].slot) + kMostGap &&
                         end_of(pieces[next].slot) - offset_of(pieces[first].slot) <= kMostRun;
    if (follows) continue;
    all.push_back(pieces.subspan(first, next - first));
    first = next;
  }
  return all;
}

void RecordFile::read(Run run) {
  ScratchFile& file = file_of(run.front().slot);
  const ScratchFile::Range range = file.range_of(offset_of(run.front().slot), end_of(run.back().slot));
  char* const buffer = buffer_of_thread(range.bytes);
  file.read(range, buffer);
  for (const auto& [slot, skipped, bytes, memory] : run) {
    std::memcpy(memory, buffer + (offset_of(slot) + skipped - range.offset), bytes);
  }
}

const char* RecordFile::read(uint64_t slot) {
  ScratchFile& file = file_of(slot);
  const ScratchFile::Range range = file.range_of(offset_of(slot), end_of(slot));
  char* const buffer = buffer_of_thread(range.bytes);
  file.read(range, buffer);
  return buffer + (offset_of(slot) - range.offset);
}

void RecordFile::write(std::span<const Piece> pieces) {
  for (const Run run : runs(pieces)) write_run(run);
}

// Whether sectors of the run have bytes of other records.
bool RecordFile::has_gaps(Run run, ScratchFile::Range range) const {
  const uint64_t first = run.front().slot, last = run.back().slot;
  const bool last_ends =
      range.offset + range.bytes == end_of(last) || range.offset + range.bytes <= offset_of(last + 1);
  return range.offset != offset_of(first) || !last_ends || last - first + 1 != run.size();
}

void RecordFile::write_run(Run run) {
  ScratchFile& file = file_of(run.front().slot);
  const ScratchFile::Range range = file.range_of(offset_of(run.front().slot), end_of(run.back().slot));
  char* const buffer = buffer_of_thread(range.bytes);
  if (has_gaps(run, range)) file.read(range, buffer);
  else std::memset(buffer, 0, range.bytes);
  for (const Piece& piece : run)
    std::memcpy(buffer + (offset_of(piece.slot) - range.offset), piece.memory, piece.bytes);
  file.write(range, buffer);
}

void RecordFile::cut(uint64_t region) {
  for (size_t i = 0; i < files_.size(); ++i)
    files_[i]->cut((region + files_.size() - 1 - i) / files_.size() * region_bytes_);
}

RecordFile::Traffic RecordFile::traffic() const {
  Traffic all{};
  for (const auto& file : files_) {
    all.reads += file->reads();
    all.writes += file->writes();
    all.bytes_read += file->bytes_read();
    all.bytes_written += file->bytes_written();
    all.allocated += file->allocated();
  }
  return all;
}

}  // namespace pairloom
