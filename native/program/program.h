// A decoded program: docs/design/program-format.md as types.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "program/opcodes.generated.h"

namespace pairloom {

enum class Space : uint32_t {
  kParameter,
  kScalar,
  kFixed,
  kPartial,
  kTile,
  kBatch,
  kExchange,
  kEntries,
  kTileEntries
};
enum class DType : uint32_t { kFp32, kId, kBag, kFp16, kBf16, kId64, kBag64 };
inline bool is_half(DType dtype) { return dtype == DType::kFp16 || dtype == DType::kBf16; }
inline bool is_id(DType dtype) { return dtype == DType::kId || dtype == DType::kId64; }     // one per row
inline bool is_bag(DType dtype) { return dtype == DType::kBag || dtype == DType::kBag64; }  // any number per row
inline bool is_ids(DType dtype) { return is_id(dtype) || is_bag(dtype); }
// True if ids have 64 bits, as for tables with 2^31 rows or more.
inline bool is_wide(DType dtype) { return dtype == DType::kId64 || dtype == DType::kBag64; }
constexpr uint32_t kBagWidth = 6;  // elements per row of a buffer of bags
inline uint32_t ids_width(DType dtype) { return is_bag(dtype) ? kBagWidth : dtype == DType::kId64 ? 2 : 1; }
constexpr uint64_t kMostTableRows = uint64_t{1} << 40;
constexpr uint64_t kMostNarrowRows = uint64_t{1} << 31;  // of a table with 32-bit ids
enum class StageKind : uint32_t { kTile, kFixed, kExchange, kEntries };
// Takes tiles through its instructions: of rows, or of the entries of a sequence.
inline bool is_tiled(StageKind kind) { return kind == StageKind::kTile || kind == StageKind::kEntries; }

// Each buffer has memory of its own, which is not in an arena.
inline bool is_alone(Space space) {
  return space == Space::kParameter || space == Space::kScalar || space == Space::kExchange;
}
// A line for each entry of a sequence: in the batch, or in the rows of a tile.
inline bool is_of_entries(Space space) { return space == Space::kEntries || space == Space::kTileEntries; }
inline bool is_row(Space space) { return space == Space::kTile || space == Space::kBatch || is_of_entries(space); }

struct Buffer {
  Space space;
  DType dtype;
  uint64_t width;   // elements: per row or entry in row spaces, in total otherwise
  uint64_t offset;  // elements from the start of the space's arena
  std::string name;
};

// A view: `offset` counts within the row for row spaces, within the buffer otherwise.
struct Operand {
  uint32_t buffer;
  uint64_t offset;
  uint32_t ndims;
  uint64_t dims[3];

  uint64_t size() const {
    uint64_t product = 1;
    for (uint32_t i = 0; i < ndims; ++i) product *= dims[i];
    return product;
  }
};

struct Input {
  std::string name;
  DType dtype;
  uint32_t width;
  uint64_t limit;
  std::string sequence = "";  // of a bag whose ids are entries of a sequence: its name
  // Samples whose draw is below it have the value for masked samples; 0: none.
  uint64_t masked_below = 0;
  uint32_t mask_stream = 0;
};

// The caller binds a translation under this name. It maps ids to rows of tables with this many rows.
struct TranslationSlot {
  std::string name;
  uint64_t rows;
};

struct Output {
  std::string name;
  Operand operand;
};

struct Instruction {
  Opcode opcode;
  std::vector<Operand> operands;
  std::vector<double> attributes;
};

// The attributes of uniqueRows. The other instructions of a route have the first one, too. From kStarts on follow the first
// slots of shares, if these are not equal.
enum RouteAttribute : size_t { kRoute, kRouteRows, kFirstRank, kOwners, kReturned, kTurn, kCopies, kColumns, kStarts };
constexpr uint32_t kMostRanks = ~uint32_t{0};
// Row r of a table belongs to slot `r mod kTableSlots`. Sums by slot do not depend on who owns which rows.
constexpr uint32_t kTableSlots = 1024;
// True if these are the first slots of as many shares, or none, where shares are equal.
bool are_starts(std::span<const double> slots, double shares);

constexpr uint32_t kNoSequence = ~uint32_t{0};

struct Stage {
  StageKind kind;
  uint32_t sequence;  // kEntries: which
  uint32_t first, count;
};

struct Program {
  uint32_t max_batch, tile_rows, groups;
  uint32_t tiles_at_once;  // maximum per thread and stage: their rows fit in the tile arena
  uint64_t fixed_size, partial_size, tile_size, batch_size;  // arenas, in elements
  std::vector<Buffer> buffers;
  std::vector<Input> inputs;
  std::vector<TranslationSlot> translations;
  std::vector<Output> outputs;
  std::vector<Instruction> instructions;
  std::vector<Stage> stages;
  std::vector<std::string> sequences = {};  // those of the inputs, in order of their first ones

  const Buffer& buffer(const Operand& operand) const { return buffers[operand.buffer]; }
  std::vector<uint32_t> buffers_in(Space space) const;
  // The number of a sequence of the inputs; kNoSequence if there is none.
  uint32_t sequence_of(const std::string& name) const;
};

// Whether the first operand is the table, or rows of it that were fetched, and the second the ids to look up there.
inline bool looks_up(Opcode opcode) {
  return opcode == Opcode::kEmbedding || opcode == Opcode::kEmbeddingBag || opcode == Opcode::kEmbedEntries;
}

// Reads and verifies; throws Error. Never crashes or reads outside the bytes, whatever they are.
Program decode(std::span<const uint8_t> bytes);
// The checks beyond the layout (decode calls it): every access of a verified program stays in its memory.
void verify(const Program& program);

const char* opcode_name(Opcode opcode);
const char* space_name(Space space);
const char* dtype_name(DType dtype);

}  // namespace pairloom
