// Writes programs for tests: buffers side by side, no memory shared.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "program/crc32.h"
#include "program/program.h"

namespace pairloom::test {

class ByteWriter {
 public:
  void u32(uint32_t value) { append(&value, sizeof value); }
  void u64(uint64_t value) { append(&value, sizeof value); }
  void f64(double value) { append(&value, sizeof value); }
  void string(const std::string& text) {
    u32(uint32_t(text.size()));
    append(text.data(), text.size());
    bytes.resize((bytes.size() + 3) / 4 * 4);
  }
  void append(const void* data, size_t size) {
    const auto* from = static_cast<const uint8_t*>(data);
    bytes.insert(bytes.end(), from, from + size);
  }
  std::vector<uint8_t> bytes;
};

constexpr size_t kHeaderBytes = 88;

// Sets the length and checksum of a program whose bytes were changed.
inline void reseal(std::vector<uint8_t>& bytes) {
  const uint32_t length = uint32_t(bytes.size());
  const uint32_t checksum = crc32(std::span<const uint8_t>(bytes).subspan(kHeaderBytes));
  std::memcpy(bytes.data() + 8, &length, 4);
  std::memcpy(bytes.data() + 12, &checksum, 4);
}

class ProgramBuilder {
 public:
  ProgramBuilder(uint32_t max_batch, uint32_t tile_rows, uint32_t groups, uint32_t tiles_at_once = 1)
      : p_{max_batch, tile_rows, groups, tiles_at_once, 0, 0, 0, 0, {}, {}, {}, {}, {}, {}} {}

  Operand buffer(Space space, std::vector<uint64_t> dims, DType dtype = DType::kFp32) {
    Operand view{uint32_t(p_.buffers.size()), 0, uint32_t(dims.size()), {1, 1, 1}};
    std::copy(dims.begin(), dims.end(), view.dims);
    const uint64_t width = is_ids(dtype) ? ids_width(dtype) : view.size();
    p_.buffers.push_back({space, dtype, width, take(space, width), "buffer" + std::to_string(view.buffer)});
    return view;
  }
  Operand parameter(std::vector<uint64_t> dims, DType dtype = DType::kFp32) {
    return buffer(Space::kParameter, dims, dtype);
  }
  Operand tile(std::vector<uint64_t> dims) { return buffer(Space::kTile, dims); }
  Operand batch(std::vector<uint64_t> dims) { return buffer(Space::kBatch, dims); }
  Operand fixed(std::vector<uint64_t> dims) { return buffer(Space::kFixed, dims); }
  Operand partial(std::vector<uint64_t> dims) { return buffer(Space::kPartial, dims); }
  Operand entries(const std::string& sequence, std::vector<uint64_t> dims, Space space = Space::kEntries) {
    const Operand view = buffer(space, dims);
    p_.buffers.back().name = sequence;
    return view;
  }
  // Puts the buffer of an operand where that of another is.
  void put_at(const Operand& moved, const Operand& other) {
    p_.buffers[moved.buffer].offset = p_.buffers[other.buffer].offset;
  }
  Operand scalar() { return buffer(Space::kScalar, {1}); }

  void stage(StageKind kind, uint32_t sequence = 0) {
    p_.stages.push_back({kind, sequence, uint32_t(p_.instructions.size()), 0});
  }
  void add(Opcode opcode, std::vector<Operand> operands, std::vector<double> attributes = {}) {
    p_.instructions.push_back({opcode, std::move(operands), std::move(attributes)});
    ++p_.stages.back().count;
  }
  void input(Operand out, uint64_t limit = 0, const std::string& sequence = "", uint64_t masked_below = 0) {
    const DType dtype = p_.buffers[out.buffer].dtype;
    p_.inputs.push_back({"input" + std::to_string(p_.inputs.size()), dtype,
                         dtype == DType::kFp32 ? uint32_t(out.size()) : 1, limit, sequence, masked_below});
    add(Opcode::kInput, {out}, {double(p_.inputs.size() - 1)});
  }
  // Index of a translation.
  double translation(uint64_t rows) {
    p_.translations.push_back({"translation" + std::to_string(p_.translations.size()), rows});
    return double(p_.translations.size() - 1);
  }
  void output(Operand operand) { p_.outputs.push_back({"output" + std::to_string(p_.outputs.size()), operand}); }

  std::vector<uint8_t> bytes() const {
    ByteWriter w;
    for (uint32_t word : {0x314d4c50u, 5u, 0u, 0u, p_.max_batch, p_.tile_rows, p_.groups, p_.tiles_at_once,
                          uint32_t(p_.buffers.size()), uint32_t(p_.inputs.size()), uint32_t(p_.translations.size()),
                          uint32_t(p_.outputs.size()), uint32_t(p_.instructions.size()), uint32_t(p_.stages.size())}) {
      w.u32(word);
    }
    for (uint64_t size : {p_.fixed_size, p_.partial_size, p_.tile_size, p_.batch_size}) w.u64(size);
    for (const Buffer& b : p_.buffers) {
      for (uint32_t word : {uint32_t(b.space), uint32_t(b.dtype)}) w.u32(word);
      for (uint64_t size : {b.width, b.offset}) w.u64(size);
      w.string(b.name);
    }
    for (const Input& in : p_.inputs) {
      w.string(in.name);
      for (uint32_t word : {uint32_t(in.dtype), in.width}) w.u32(word);
      w.u64(in.limit);
      w.string(in.sequence);
      w.u64(in.masked_below);
      w.u32(in.mask_stream);
    }
    for (const TranslationSlot& translation : p_.translations) {
      w.string(translation.name);
      w.u64(translation.rows);
    }
    for (const Output& out : p_.outputs) {
      w.string(out.name);
      write(w, out.operand);
    }
    for (const Instruction& i : p_.instructions) {
      for (uint32_t word : {uint32_t(i.opcode), uint32_t(i.operands.size()), uint32_t(i.attributes.size())})
        w.u32(word);
      for (const Operand& operand : i.operands) write(w, operand);
      for (double attribute : i.attributes) w.f64(attribute);
    }
    for (const Stage& s : p_.stages) {
      for (uint32_t word : {uint32_t(s.kind), s.sequence, s.first, s.count}) w.u32(word);
    }
    reseal(w.bytes);
    return w.bytes;
  }

 private:
  static void write(ByteWriter& w, const Operand& operand) {
    w.u32(operand.buffer);
    w.u64(operand.offset);
    w.u32(operand.ndims);
    for (uint32_t i = 0; i < operand.ndims; ++i) w.u64(operand.dims[i]);
  }
  uint64_t take(Space space, uint64_t width) {
    uint64_t* const arenas[] = {nullptr, nullptr, &p_.fixed_size, &p_.partial_size, &p_.tile_size, &p_.batch_size,
                                nullptr, &entry_size_, &tile_entry_size_};
    uint64_t* arena = arenas[uint32_t(space)];
    if (arena == nullptr) return 0;
    const uint32_t rows = space == Space::kTile    ? p_.tile_rows * p_.tiles_at_once
                          : space == Space::kBatch ? p_.max_batch
                                                   : 1;
    const uint64_t offset = *arena;
    *arena += (rows * width + 15) / 16 * 16;
    return offset;
  }

  Program p_;
  uint64_t entry_size_ = 0, tile_entry_size_ = 0;
};

}  // namespace pairloom::test
