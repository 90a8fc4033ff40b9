// The verification described in docs/design/program-format.md, from the header to the instructions; hazards.cc has the
// checks that track memory through a step.
#include <algorithm>

#include "program/checks.h"
#include "program/error.h"
#include "program/hazards.h"
#include "program/ranges.h"
#include "program/rule.h"
#include "program/signature.h"

namespace pairloom {
namespace {

constexpr uint32_t kMaxRows = 1u << 24, kMaxRowsAtOnce = 256, kMaxTilesAtOnce = 2, kMaxGroups = 1u << 16;
constexpr uint64_t kMaxNarrow = ~uint32_t{0}, kMostWideIds = uint64_t{1} << 63;
constexpr uint64_t kMaxEntryWidth = 1u << 18;  // elements of all buffers of an entry
constexpr uint64_t kMaxArena = uint64_t{1} << 42;  // elements: 16 TiB, far below where size arithmetic overflows
// Limit for a parameter. Whole numbers up to this are exact in fp64.
constexpr uint64_t kMaxElements = uint64_t{1} << 53;

[[noreturn]] void refuse(const std::string& where, std::string what, std::string got, std::string expected) {
  throw Error({std::move(what), "program " + where, std::move(got), std::move(expected),
               "Report this program: the compiler must not emit it."});
}

std::string place(const char* section, size_t index) {
  return std::string(section) + "[" + std::to_string(index) + "]";
}

void verify_header(const Program& p) {
  const auto in_range = [](const char* name, uint32_t value, uint32_t most) {
    if (value == 0 || value > most) {
      refuse("header", std::string(name) + " is out of range", std::to_string(value), "1 to " + std::to_string(most));
    }
  };
  in_range("maxBatch", p.max_batch, kMaxRows);
  in_range("tilesAtOnce", p.tiles_at_once, kMaxTilesAtOnce);
  in_range("tileRows", p.tile_rows, kMaxRowsAtOnce / p.tiles_at_once);
  in_range("groups", p.groups, kMaxGroups);
  const auto fits = [](const char* name, uint64_t size, uint64_t most) {
    if (size > most) {
      refuse("header", std::string(name) + " is too large", std::to_string(size), "at most " + std::to_string(most));
    }
  };
  fits("the fixed arena", p.fixed_size, kMaxArena);
  fits("the partial arena", p.partial_size, kMaxArena / p.groups);
  fits("the tile arena", p.tile_size, kMaxArena);
  fits("the batch arena", p.batch_size, kMaxArena);
}

uint64_t arena_size(const Program& p, Space space) {
  switch (space) {
    case Space::kFixed: return p.fixed_size;
    case Space::kPartial: return p.partial_size;
    case Space::kTile: return p.tile_size;
    case Space::kBatch: return p.batch_size;
    case Space::kEntries:
    case Space::kTileEntries: return kMaxEntryWidth;
    default: return kMaxElements;  // bound by the caller
  }
}

void verify_buffer(const Program& p, size_t index) {
  const Buffer& b = p.buffers[index];
  const std::string where = place("buffers", index);
  const bool holds_ids = (is_row(b.space) && !is_of_entries(b.space)) || b.space == Space::kExchange;
  if (is_ids(b.dtype) && (!holds_ids || b.width != ids_width(b.dtype))) {
    refuse(where, "a buffer of ids or bags has a wrong space or width",
           "space " + std::to_string(uint32_t(b.space)) + ", width " + std::to_string(b.width),
           "a row space or 6, width " + std::to_string(ids_width(b.dtype)));
  }
  if (is_half(b.dtype) && b.space != Space::kParameter && b.space != Space::kExchange) {
    refuse(where, "a buffer of 16-bit numbers is in a wrong space", "space " + std::to_string(uint32_t(b.space)),
           "space 0, parameter, or 6, exchange");
  }
  if (is_of_entries(b.space) && p.sequence_of(b.name) == kNoSequence) {
    refuse(where, "a buffer is of a sequence that no input has", b.name, "the sequence of an input");
  }
  if (b.space == Space::kScalar && b.width != 1) {
    refuse(where, "a scalar has a wrong width", std::to_string(b.width), "1");
  }
  const uint64_t arena = arena_size(p, b.space), rows = buffer_rows(p, b);
  if (b.width > arena / rows || b.offset > arena - rows * b.width) {
    refuse(where, "a buffer lies outside its arena",
           "offset " + std::to_string(b.offset) + ", width " + std::to_string(b.width),
           "an end of at most " + std::to_string(arena));
  }
  if (is_alone(b.space)) return;
  if (b.offset % 16 != 0) {
    refuse(where, "a buffer is not aligned", "offset " + std::to_string(b.offset), "a multiple of 16 elements");
  }
}

void verify_input(const Program& p, size_t index) {
  const Input& in = p.inputs[index];
  const bool f32 = in.dtype == DType::kFp32, wide = is_wide(in.dtype);
  const uint64_t most = wide ? kMostWideIds : kMostNarrowRows;
  if (f32 ? (in.width == 0 || in.limit != 0) : (in.width != 1 || (in.limit == 0 && !wide) || in.limit > most)) {
    refuse(place("inputs", index), "an input has a wrong width or limit",
           "width " + std::to_string(in.width) + ", limit " + std::to_string(in.limit),
           f32    ? "width >= 1, limit 0"
           : wide ? "width 1, limit 0 (keys) to 2^63"
                  : "width 1, limit 1 to 2^31");
  }
  if (in.masked_below > uint64_t{1} << 32) {
    refuse(place("inputs", index), "an input masks more than all samples", std::to_string(in.masked_below), "at most 2^32");
  }
  if (!in.sequence.empty() && !is_bag(in.dtype)) {
    refuse(place("inputs", index), "an input that is no bag has a sequence", in.sequence, "no sequence");
  }
}

void verify_translation(const Program& p, size_t index) {
  const uint64_t rows = p.translations[index].rows;
  if (rows >= 1 && rows <= kMostTableRows) return;
  refuse(place("translations", index), "a translation has a wrong number of rows", std::to_string(rows), "1 to 2^40");
}

void verify_operand(const Program& p, const Operand& o, const std::string& where) {
  if (o.buffer >= p.buffers.size()) {
    refuse(where, "an operand names a buffer that does not exist", std::to_string(o.buffer),
           "below " + std::to_string(p.buffers.size()));
  }
  // Only tables and their states, which have rows in the first dim, may have more elements than 32 bits count.
  const Buffer& b = p.buffer(o);
  const bool parameter = b.space == Space::kParameter || b.space == Space::kExchange;
  const uint64_t most = parameter ? kMaxElements : kMaxNarrow;
  uint64_t size = 1;
  for (uint32_t i = 0; i < o.ndims; ++i) {
    const uint64_t most_dim = std::min(parameter && i == 0 ? kMostTableRows : kMaxNarrow, most / size);
    if (o.dims[i] == 0 || o.dims[i] > most_dim) {
      refuse(where, "an operand has a wrong size", "dim " + std::to_string(o.dims[i]),
             "1 to " + std::to_string(most_dim));
    }
    size *= o.dims[i];
  }
  if (size > b.width || o.offset > b.width - size) {
    refuse(where, "an operand lies outside its buffer",
           "offset " + std::to_string(o.offset) + " + size " + std::to_string(size),
           "at most the buffer's width " + std::to_string(b.width));
  }
  if (is_ids(b.dtype) && o.offset != 0) refuse(where, "ids and bags have no slices", "an offset", "0");
}

void verify_stages(const Program& p) {
  uint64_t next = 0;
  for (size_t i = 0; i < p.stages.size(); ++i) {
    const Stage& stage = p.stages[i];
    if (stage.first != next) {
      refuse(place("stages", i), "stages do not follow one another", "first " + std::to_string(stage.first),
             std::to_string(next));
    }
    const size_t sequences = stage.kind == StageKind::kEntries ? p.sequences.size() : 1;
    if (stage.sequence >= sequences) {
      refuse(place("stages", i), "a stage names a sequence that does not exist", std::to_string(stage.sequence),
             "below " + std::to_string(sequences));
    }
    if (stage.kind == StageKind::kExchange && stage.count == 0) {
      refuse(place("stages", i), "ranks have nothing to exchange", "0 instructions", "at least 1");
    }
    next += stage.count;
    if (next > p.instructions.size()) {
      refuse(place("stages", i), "a stage reaches beyond the instructions", std::to_string(next),
             "at most " + std::to_string(p.instructions.size()));
    }
  }
  if (next != p.instructions.size()) {
    refuse("stages", "the stages do not cover the instructions", std::to_string(next),
           std::to_string(p.instructions.size()));
  }
}

const char* stage_name(StageKind kind) {
  static const char* const names[] = {"tile", "fixed", "exchange", "entries"};
  return names[uint32_t(kind)];
}

bool stands_in(const Rule& rule, StageKind kind) {
  if (kind == StageKind::kEntries) return rule.entries == Entries::kRows || rule.entries == Entries::kChunks;
  if (rule.entries == Entries::kChunks) return false;
  if (rule.placement == Placement::kEither) return kind != StageKind::kExchange;
  if (rule.placement == Placement::kTile) return kind == StageKind::kTile;
  return kind == (rule.placement == Placement::kFixed ? StageKind::kFixed : StageKind::kExchange);
}

// A tile stage writes only to its rows and groups; a fixed stage writes to fixed buffers or the whole batch, and so does
// an exchange, which has buffers of its own too.
void verify_write(const Program& p, const Operand& o, StageKind kind, const std::string& where, const Rule& rule) {
  const Space space = p.buffer(o).space;
  if (rule.reads_whole_batch() && space == Space::kBatch) return;
  if (space == Space::kExchange && kind == StageKind::kExchange) return;
  const bool tile_write = is_row(space) || space == Space::kPartial;
  if (tile_write == is_tiled(kind)) return;
  refuse(where, "an output is in a space that this kind of stage does not write",
         "space " + std::to_string(uint32_t(space)), is_tiled(kind) ? "3, 4, 5, 7 or 8" : "0, 2 or, in exchange stages, 6");
}

void verify_reads(const Program& p, const Operand& o, StageKind kind, const std::string& where, const Rule& rule) {
  const Space space = p.buffer(o).space;
  if (!is_tiled(kind) && is_row(space) && !rule.reads_whole_batch()) {
    refuse(where, "a row operand in a fixed stage", "space " + std::to_string(uint32_t(space)), "a fixed operand");
  }
}

// In a stage of entries, lines are entries of its sequence: rows of the batch are for operations that know which entries
// are theirs. In other stages it is the other way round.
void verify_lines(const Program& p, const Operand& o, const Stage& stage, const std::string& where, const Rule& rule) {
  const Buffer& buffer = p.buffer(o);
  const bool in_entries = stage.kind == StageKind::kEntries;
  if (buffer.space == Space::kBatch && in_entries && rule.entries != Entries::kChunks) {
    refuse(where, "rows of the batch among entries", "space 5", "space 4, 7 or 8");
  }
  if (!is_of_entries(buffer.space)) return;
  const bool segments = rule.entries == Entries::kSegments && (is_tiled(stage.kind) || buffer.space == Space::kEntries);
  const bool fits = in_entries ? p.sequence_of(buffer.name) == stage.sequence : segments;
  if (!fits) refuse(where, "entries in a stage that does not process them", buffer.name, "the sequence of the stage");
}

std::vector<Access> verify_instruction(const Program& p, size_t index, const Stage& stage) {
  const StageKind kind = stage.kind;
  const Instruction& instruction = p.instructions[index];
  std::string where = place("instructions", index);
  const Rule* rule = find_rule(instruction.opcode);
  if (rule == nullptr) {
    refuse(where, "unknown opcode", std::to_string(uint32_t(instruction.opcode)), "an opcode of this version");
  }
  where += std::string(" (") + rule->name + ")";
  if (!stands_in(*rule, kind)) {
    refuse(where, "an instruction stands in the wrong kind of stage", stage_name(kind), "the kind of its operation");
  }
  for (size_t i = 0; i < instruction.operands.size(); ++i) {
    verify_operand(p, instruction.operands[i], where + " operand " + std::to_string(i));
  }
  match_attributes(p, instruction, *rule, "program " + where);
  const auto accesses = match_operands(p, instruction, *rule, "program " + where);
  for (size_t i = 0; i < accesses.size(); ++i) {
    const Operand& operand = instruction.operands[i];
    verify_lines(p, operand, stage, where, *rule);
    if (accesses[i].written) verify_write(p, operand, kind, where, *rule);
    if (accesses[i].read) verify_reads(p, operand, kind, where, *rule);
  }
  if (const char* expected = check_operands(p, instruction)) {
    refuse(where, "the operands do not fit one another", "", expected);
  }
  return accesses;
}

void verify_outputs(const Program& p) {
  for (size_t i = 0; i < p.outputs.size(); ++i) {
    const Operand& operand = p.outputs[i].operand;
    verify_operand(p, operand, place("outputs", i));
    const Buffer& buffer = p.buffer(operand);
    if (buffer.dtype != DType::kFp32 || (buffer.space != Space::kBatch && buffer.space != Space::kFixed)) {
      refuse(place("outputs", i), "an output is in the wrong space", std::to_string(uint32_t(buffer.space)),
             "f32 in space 2 or 5");
    }
  }
}

}  // namespace

void verify(const Program& program) {
  verify_header(program);
  for (size_t i = 0; i < program.buffers.size(); ++i) verify_buffer(program, i);
  for (size_t i = 0; i < program.inputs.size(); ++i) verify_input(program, i);
  for (size_t i = 0; i < program.translations.size(); ++i) verify_translation(program, i);
  verify_stages(program);
  std::vector<std::vector<Access>> accesses;
  for (const Stage& stage : program.stages) {
    for (uint32_t i = 0; i < stage.count; ++i) {
      accesses.push_back(verify_instruction(program, stage.first + i, stage));
    }
  }
  verify_outputs(program);
  verify_hazards(program, accesses);
}

}  // namespace pairloom
