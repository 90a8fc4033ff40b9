// Decodes the layout of a program: bytes to typed structs. Every count and length is checked against the remaining
// bytes.
#include <cstring>

#include "program/crc32.h"
#include "program/error.h"
#include "program/program.h"

namespace pairloom {
namespace {

constexpr uint32_t kMagic = 0x314d4c50, kVersion = 5;
constexpr size_t kHeaderSize = 88;

std::string hex(uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

// The section and index being read, for messages: "instructions[3]".
struct Place {
  const char* section = "header";
  uint32_t index = 0;
  std::string text() const {
    return std::strcmp(section, "header") == 0 ? section : std::string(section) + "[" + std::to_string(index) + "]";
  }
};

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  size_t left() const { return bytes_.size() - position_; }
  void at(const char* section, uint32_t index) { place_ = {section, index}; }

  uint32_t u32() {
    uint32_t value;
    copy(&value, sizeof value);
    return value;
  }
  uint64_t u64() {
    uint64_t value;
    copy(&value, sizeof value);
    return value;
  }
  double f64() {
    double value;
    copy(&value, sizeof value);
    return value;
  }
  std::string string() {
    const uint32_t length = u32();
    const uint64_t padded = (uint64_t{length} + 3) / 4 * 4;
    need(padded);
    std::string text(reinterpret_cast<const char*>(bytes_.data() + position_), length);
    position_ += padded;
    return text;
  }
  // A count of items of at least `least` bytes each; refused before anything is allocated for them.
  uint32_t count(size_t least) { return fits(u32(), least); }
  uint32_t fits(uint32_t items, size_t least) {
    if (uint64_t{items} * least <= left()) return items;
    refuse("a count does not fit the program's length", std::to_string(items) + " items",
           "at most " + std::to_string(left() / least));
  }
  [[noreturn]] void refuse(std::string what, std::string got, std::string expected) const {
    throw Error({std::move(what), "program " + place_.text(), std::move(got), std::move(expected),
                 "Compile the model again with this version of Pairloom."});
  }

 private:
  void need(uint64_t size) const {
    if (size > left()) {
      refuse("the program ends too early", std::to_string(left()) + " bytes left", std::to_string(size) + " bytes");
    }
  }
  void copy(void* to, size_t size) {
    need(size);
    std::memcpy(to, bytes_.data() + position_, size);
    position_ += size;
  }

  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  Place place_;
};

struct Counts {
  uint32_t buffers, inputs, translations, outputs, instructions, stages;
};

Operand read_operand(Reader& in) {
  Operand operand{in.u32(), in.u64(), in.u32(), {1, 1, 1}};
  if (operand.ndims < 1 || operand.ndims > 3) {
    in.refuse("an operand has a wrong number of dims", std::to_string(operand.ndims), "1 to 3");
  }
  for (uint32_t i = 0; i < operand.ndims; ++i) operand.dims[i] = in.u64();
  return operand;
}

Buffer read_buffer(Reader& in) {
  const uint32_t space = in.u32(), dtype = in.u32();
  const uint64_t width = in.u64(), offset = in.u64();
  if (space > uint32_t(Space::kTileEntries)) in.refuse("unknown space", std::to_string(space), "0 to 8");
  if (dtype > uint32_t(DType::kBag64)) in.refuse("unknown dtype", std::to_string(dtype), "0 to 6");
  return {Space(space), DType(dtype), width, offset, in.string()};
}

Input read_input(Reader& in) {
  std::string name = in.string();
  const uint32_t dtype = in.u32(), width = in.u32();
  const uint64_t limit = in.u64();
  if (dtype > uint32_t(DType::kBag64) || is_half(DType(dtype))) {
    in.refuse("unknown dtype of an input", std::to_string(dtype), "0, 1, 2, 5 or 6");
  }
  std::string sequence = in.string();
  const uint64_t masked_below = in.u64();
  return {std::move(name), DType(dtype), width, limit, std::move(sequence), masked_below, in.u32()};
}

TranslationSlot read_translation(Reader& in) {
  std::string name = in.string();
  return {std::move(name), in.u64()};
}

Output read_output(Reader& in) {
  std::string name = in.string();
  return {std::move(name), read_operand(in)};
}

Instruction read_instruction(Reader& in) {
  Instruction instruction{Opcode(in.u32()), {}, {}};
  const uint32_t operands = in.u32(), attributes = in.u32();
  in.fits(operands, 24);
  in.fits(attributes, sizeof(double));
  for (uint32_t i = 0; i < operands; ++i) instruction.operands.push_back(read_operand(in));
  for (uint32_t i = 0; i < attributes; ++i) instruction.attributes.push_back(in.f64());
  return instruction;
}

Stage read_stage(Reader& in) {
  const uint32_t kind = in.u32(), sequence = in.u32(), first = in.u32(), count = in.u32();
  if (kind > uint32_t(StageKind::kEntries)) in.refuse("unknown stage kind", std::to_string(kind), "0 to 3");
  return {StageKind(kind), sequence, first, count};
}

template <class Item>
void read_section(Reader& in, const char* name, uint32_t count, std::vector<Item>& items, Item (*read)(Reader&)) {
  for (uint32_t i = 0; i < count; ++i) {
    in.at(name, i);
    items.push_back(read(in));
  }
}

Counts read_header(Reader& in, std::span<const uint8_t> bytes, Program& program) {
  const uint32_t magic = in.u32();
  if (magic != kMagic) in.refuse("these bytes are not a program", "magic " + hex(magic), "\"PLM1\"");
  const uint32_t version = in.u32();
  if (version != kVersion) {
    in.refuse("unknown program version", std::to_string(version), std::to_string(kVersion));
  }
  const uint32_t length = in.u32();
  if (length != bytes.size() || length < kHeaderSize) {
    in.refuse("wrong length", std::to_string(bytes.size()) + " bytes", std::to_string(length) + " bytes");
  }
  const uint32_t checksum = in.u32(), computed = crc32(bytes.subspan(kHeaderSize));
  if (checksum != computed) in.refuse("the program is damaged: its checksum differs", hex(computed), hex(checksum));
  program.max_batch = in.u32();
  program.tile_rows = in.u32();
  program.groups = in.u32();
  program.tiles_at_once = in.u32();
  // Minimum bytes of an item. It limits the allocation for a wrong count. Checked again as items are read.
  Counts counts{};
  counts.buffers = in.count(28);
  counts.inputs = in.count(24);
  counts.translations = in.count(12);
  counts.outputs = in.count(28);
  counts.instructions = in.count(12);
  counts.stages = in.count(16);
  program.fixed_size = in.u64();
  program.partial_size = in.u64();
  program.tile_size = in.u64();
  program.batch_size = in.u64();
  return counts;
}

}  // namespace

Program decode(std::span<const uint8_t> bytes) {
  Reader in(bytes);
  Program program{};
  const Counts counts = read_header(in, bytes, program);
  read_section(in, "buffers", counts.buffers, program.buffers, read_buffer);
  read_section(in, "inputs", counts.inputs, program.inputs, read_input);
  for (const Input& input : program.inputs) {
    const bool known = input.sequence.empty() || program.sequence_of(input.sequence) != kNoSequence;
    if (!known) program.sequences.push_back(input.sequence);
  }
  read_section(in, "translations", counts.translations, program.translations, read_translation);
  read_section(in, "outputs", counts.outputs, program.outputs, read_output);
  read_section(in, "instructions", counts.instructions, program.instructions, read_instruction);
  read_section(in, "stages", counts.stages, program.stages, read_stage);
  if (in.left() != 0) in.refuse("bytes are left after the last stage", std::to_string(in.left()), "0");
  verify(program);
  return program;
}

const char* space_name(Space space) {
  static const char* const names[] = {"parameter", "scalar",   "fixed",   "partial",    "tile",
                                      "batch",     "exchange", "entries", "tileEntries"};
  return names[uint32_t(space)];
}

const char* dtype_name(DType dtype) {
  static const char* const names[] = {"fp32", "id", "ids", "fp16", "bf16", "id64", "ids64"};
  return names[uint32_t(dtype)];
}

std::vector<uint32_t> Program::buffers_in(Space space) const {
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < buffers.size(); ++i) {
    if (buffers[i].space == space) found.push_back(i);
  }
  return found;
}

uint32_t Program::sequence_of(const std::string& name) const {
  for (uint32_t i = 0; i < sequences.size(); ++i) {
    if (sequences[i] == name) return i;
  }
  return kNoSequence;
}

}  // namespace pairloom
