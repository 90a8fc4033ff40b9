// The decoder and its verifier: what they refuse. Linked with native/program alone, which no device may be needed for.
#include <functional>

#include "program/error.h"
#include "program/ranges.h"
#include "tests/test.h"
#include "tests/training_program.h"

namespace pairloom {
namespace {

// The refusal of a program, or "" if it is accepted.
std::string refusal(const std::vector<uint8_t>& bytes) {
  try {
    decode(bytes);
    return "";
  } catch (const Error& error) {
    return error.report().where + ": " + error.report().what;
  }
}

void set_word(std::vector<uint8_t>& bytes, size_t word, uint32_t value) { std::memcpy(&bytes[4 * word], &value, 4); }

std::string refusal_with(size_t word, uint32_t value) {
  std::vector<uint8_t> bytes = test::training_program();
  set_word(bytes, word, value);
  if (word > 3) test::reseal(bytes);
  return refusal(bytes);
}

// A tile program that `fill` completes.
template <class Fill>
std::string refusal_of(Fill&& fill) {
  test::ProgramBuilder b(64, 8, 2);
  fill(b);
  return refusal(b.bytes());
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }
#define CHECK_REFUSED(text, part) CHECK_EQ((contains(text, part) ? std::string(part) : (text)), std::string(part))

TEST(decoder_accepts_a_training_program) {
  CHECK_EQ(refusal(test::training_program()), "");
  CHECK_EQ(refusal(test::training_program(true)), "");
  CHECK_EQ(refusal(test::training_program(false, true)), "");
}

TEST(decoder_refuses_wrong_headers) {
  CHECK_REFUSED(refusal({}), "ends too early");
  CHECK_REFUSED(refusal_with(0, 1), "not a program");
  CHECK_REFUSED(refusal_with(1, 1), "version");
  CHECK_REFUSED(refusal_with(2, 88), "wrong length");
  CHECK_REFUSED(refusal_with(3, 0), "checksum");
  CHECK_REFUSED(refusal_with(4, 0), "maxBatch is out of range");
  CHECK_REFUSED(refusal_with(4, (1u << 24) + 1), "maxBatch is out of range");
  CHECK_REFUSED(refusal_with(5, 257), "tileRows is out of range");
  CHECK_REFUSED(refusal_with(6, 0), "groups is out of range");
  CHECK_REFUSED(refusal_with(6, 65537), "groups is out of range");
  CHECK_REFUSED(refusal_with(7, 0), "tilesAtOnce is out of range");
  CHECK_REFUSED(refusal_with(7, 3), "tilesAtOnce is out of range");
  for (size_t count = 8; count <= 13; ++count) CHECK_REFUSED(refusal_with(count, ~0u), "count does not fit");
  CHECK_REFUSED(refusal_with(14, 16), "outside its arena");
  CHECK_REFUSED(refusal_with(18, 0), "outside its arena");
  for (size_t high_word = 15; high_word <= 21; high_word += 2) {
    CHECK_REFUSED(refusal_with(high_word, 1u << 10), "is too large");
    CHECK_REFUSED(refusal_with(high_word, ~0u), "is too large");
  }
}

TEST(decoder_refuses_every_truncation) {
  const std::vector<uint8_t> whole = test::training_program();
  for (size_t size = 0; size < whole.size(); size += 4) {
    std::vector<uint8_t> part(whole.begin(), whole.begin() + ptrdiff_t(size));
    if (size >= test::kHeaderBytes) test::reseal(part);
    CHECK(refusal(part) != "");
  }
  std::vector<uint8_t> longer = whole;
  longer.resize(longer.size() + 4);
  test::reseal(longer);
  CHECK_REFUSED(refusal(longer), "bytes are left");
}

TEST(verifier_refuses_broken_operand_rules) {
  CHECK_REFUSED(refusal_of([](auto& b) {
                  b.stage(StageKind::kTile);
                  const Operand x = b.batch({3});
                  b.input(x);
                  b.add(Opcode::kLinear, {x, b.parameter({4, 2}), b.tile({4})}, {0, 0, 0});
                }),
                "breaks the operation's rule");
  CHECK_REFUSED(refusal_of([](auto& b) {
                  b.stage(StageKind::kTile);
                  const Operand x = b.batch({3});
                  b.input(x);
                  b.add(Opcode::kActivation, {x, b.tile({3})}, {11});
                }),
                "attribute has a value");
  CHECK_REFUSED(refusal_of([](auto& b) {
                  b.stage(StageKind::kFixed);
                  b.add(Opcode::kSumColumns, {b.batch({3}), b.batch({1})});
                }),
                "wrong kind of stage");
  CHECK_REFUSED(refusal_of([](auto& b) {
                  b.stage(StageKind::kTile);
                  b.add(Opcode(99), {});
                }),
                "unknown opcode");
  CHECK_REFUSED(refusal_of([](auto& b) {
                  b.stage(StageKind::kTile);
                  Operand x = b.batch({3});
                  b.input(x);
                  x.offset = 1;
                  b.add(Opcode::kActivation, {x, b.tile({3})}, {1});
                }),
                "outside its buffer");
  CHECK_REFUSED(refusal_of([](auto& b) {
                  b.stage(StageKind::kTile);
                  const Operand x = b.batch({2, 3});
                  b.input(x);
                  b.add(Opcode::kDotInteraction, {x, b.tile({2})});
                }),
                "do not fit one another");
}

// Scores of the entries of a history, their softmax, and the sums of entries: what each stage of it may read and write.
struct SequenceProgram {
  Operand bag, other, scores, weights, sums;
};
std::string refusal_of_sequence(const std::function<void(test::ProgramBuilder&, const SequenceProgram&)>& rest) {
  return refusal_of([&](auto& b) {
    const SequenceProgram p{b.buffer(Space::kBatch, {kBagWidth}, DType::kBag),
                            b.buffer(Space::kBatch, {kBagWidth}, DType::kBag), b.entries("history", {1}),
                            b.entries("history", {1}), b.batch({1})};
    b.stage(StageKind::kTile);
    b.input(p.bag, 5, "history");
    b.input(p.other, 5, "visits");
    b.stage(StageKind::kEntries, 0);
    b.add(Opcode::kEmbedEntries, {b.parameter({5, 1}), p.bag, p.scores});
    b.stage(StageKind::kTile);
    b.add(Opcode::kSegmentSoftmax, {p.scores, p.bag, p.weights});
    b.stage(StageKind::kEntries, 0);
    b.add(Opcode::kSegmentSum, {p.weights, p.bag, p.sums}, {0});
    rest(b, p);
  });
}

TEST(verifier_takes_entries_of_a_sequence) {
  CHECK_EQ(refusal_of_sequence([](auto&, const auto&) {}), "");
  CHECK_EQ(refusal_of_sequence([](auto& b, const auto& p) {
             b.add(Opcode::kAdd, {p.scores, p.weights, b.tile({1})});
             b.add(Opcode::kLinearGradWeight, {p.scores, p.weights, b.partial({1, 1})}, {0});
           }),
           "");
}

TEST(verifier_refuses_entries_of_other_bags_and_stages) {
  CHECK_REFUSED(refusal_of_sequence([](auto& b, const auto& p) {
                  b.add(Opcode::kSegmentSum, {p.weights, p.other, b.batch({1})}, {0});
                }),
                "entries are not those of their bag");
  CHECK_REFUSED(refusal_of_sequence([](auto& b, const auto& p) {
                  b.stage(StageKind::kTile);
                  b.add(Opcode::kSegmentSoftmax, {p.scores, p.other, b.entries("history", {1})});
                }),
                "entries are not those of their bag");
  CHECK_REFUSED(refusal_of_sequence([](auto& b, const auto& p) {
                  b.stage(StageKind::kFixed);
                  b.add(Opcode::kTableSgd, {b.parameter({5, 1}), b.scalar(), p.other, p.scores}, {0, 0, 0, 0, 0, 0});
                }),
                "entries are not those of their bag");
  CHECK_REFUSED(refusal_of_sequence([](auto& b, const auto& p) {
                  b.stage(StageKind::kEntries, 1);
                  b.add(Opcode::kScale, {p.scores, b.tile({1})}, {2});
                }),
                "entries in a stage that does not process them");
  CHECK_REFUSED(refusal_of_sequence([](auto& b, const auto& p) {
                  b.stage(StageKind::kTile);
                  b.add(Opcode::kScale, {p.scores, b.tile({1})}, {2});
                }),
                "entries in a stage that does not process them");
  CHECK_REFUSED(refusal_of_sequence([](auto& b, const auto& p) {
                  b.add(Opcode::kAdd, {p.scores, p.sums, b.tile({1})});
                }),
                "rows of the batch among entries");
}

TEST(verifier_keeps_the_entries_of_a_tile_until_the_next_barrier) {
  const auto refusal_of_scores = [](StageKind between, bool same_memory) {
    return refusal_of_sequence([&](auto& b, const auto& p) {
      const Operand scores = b.entries("history", {1}, Space::kTileEntries);
      const Operand other = b.entries("history", {1}, Space::kTileEntries);
      b.stage(StageKind::kEntries, 0);
      b.add(Opcode::kScale, {p.scores, scores}, {2});
      b.stage(between);
      if (between == StageKind::kFixed) b.add(Opcode::kConstant, {b.fixed({1})}, {1});
      else b.add(Opcode::kSegmentSoftmax, {scores, p.bag, same_memory ? scores : other});
      b.stage(StageKind::kEntries, 0);
      b.add(Opcode::kScale, {scores, b.tile({1})}, {2});
    });
  };
  CHECK_EQ(refusal_of_scores(StageKind::kTile, false), "");
  CHECK_REFUSED(refusal_of_scores(StageKind::kTile, true), "shares memory with another operand");
  CHECK_REFUSED(refusal_of_scores(StageKind::kFixed, false), "has not written");
  CHECK_REFUSED(refusal_of_sequence([](auto& b, const auto& p) {
                  const Operand grad = b.entries("history", {1}, Space::kTileEntries);
                  b.stage(StageKind::kEntries, 0);
                  b.add(Opcode::kScale, {p.scores, grad}, {2});
                  b.stage(StageKind::kFixed);
                  b.add(Opcode::kTableSgd, {b.parameter({5, 1}), b.scalar(), p.bag, grad}, {0, 0, 0, 0, 0, 0});
                }),
                "breaks the operation's rule");
}

TEST(verifier_refuses_rows_of_two_stages_without_a_barrier_in_the_same_memory) {
  const auto refusal_of_rows = [](StageKind between) {
    return refusal_of_sequence([&](auto& b, const auto& p) {
      const Operand one = b.batch({1}), wide = b.batch({3});
      b.put_at(one, wide);
      b.stage(StageKind::kTile);
      b.add(Opcode::kConstantRows, {one}, {1});
      b.stage(between, 0);
      if (between == StageKind::kFixed) b.add(Opcode::kConstant, {b.fixed({1})}, {1});
      else b.add(Opcode::kScale, {p.scores, b.tile({1})}, {2});
      b.stage(StageKind::kTile);
      b.add(Opcode::kConstantRows, {wide}, {1});
    });
  };
  CHECK_REFUSED(refusal_of_rows(StageKind::kEntries), "may run at the same time");
  CHECK_EQ(refusal_of_rows(StageKind::kFixed), "");
}

TEST(verifier_refuses_sums_that_are_read_before_all_entries_are_added) {
  CHECK_REFUSED(refusal_of_sequence([](auto& b, const auto& p) {
                  b.add(Opcode::kRepeatRows, {p.sums, p.bag, b.tile({1})}, {0});
                }),
                "may run at the same time");
  CHECK_EQ(refusal_of_sequence([](auto& b, const auto& p) {
             b.stage(StageKind::kEntries, 0);
             b.add(Opcode::kRepeatRows, {p.sums, p.bag, b.tile({1})}, {0});
           }),
           "");
}

TEST(verifier_refuses_stages_and_buffers_of_sequences_that_no_input_has) {
  CHECK_REFUSED(refusal_of_sequence([](auto& b, const auto&) { b.stage(StageKind::kEntries, 2); }),
                "a sequence that does not exist");
  CHECK_REFUSED(refusal_of_sequence([](auto& b, const auto&) { b.entries("orders", {1}); }),
                "a sequence that no input has");
  CHECK_REFUSED(refusal_of([](auto& b) {
                  b.stage(StageKind::kTile);
                  b.input(b.batch({1}), 0, "history");
                }),
                "an input that is no bag has a sequence");
}

TEST(verifier_refuses_masks_of_more_than_all_samples) {
  const auto refusal_of_mask = [](uint64_t below) {
    return refusal_of([&](auto& b) {
      b.stage(StageKind::kTile);
      b.input(b.batch({1}), 0, "", below);
    });
  };
  CHECK_EQ(refusal_of_mask(uint64_t{1} << 32), "");
  CHECK_REFUSED(refusal_of_mask((uint64_t{1} << 32) + 1), "an input masks more than all samples");
}

// Sizes whose sum or product, taken modulo 2^64 or 2^32, would be allowed.
TEST(verifier_refuses_sizes_that_overflow) {
  for (const uint64_t dim : {uint64_t{1} << 32, (uint64_t{1} << 40) + 1, uint64_t{1} << 63, ~uint64_t{0}}) {
    CHECK_REFUSED(refusal_of([&](auto& b) {
                    b.stage(StageKind::kTile);
                    Operand x = b.tile({3});
                    b.input(x);
                    x.ndims = 2;
                    x.dims[1] = dim;
                    b.add(Opcode::kActivation, {x, b.tile({3})}, {1});
                  }),
                  "an operand has a wrong size");
  }
  for (const uint64_t offset : {uint64_t{1}, uint64_t{1} << 32, ~uint64_t{0}, ~uint64_t{0} - 2}) {
    CHECK_REFUSED(refusal_of([&](auto& b) {
                    b.stage(StageKind::kTile);
                    Operand x = b.tile({3});
                    b.input(x);
                    x.offset = offset;
                    b.add(Opcode::kActivation, {x, b.tile({3})}, {1});
                  }),
                  "an operand lies outside its buffer");
  }
  // A weight with more columns than 32 bits count, and a table with more rows than 2^40.
  const std::vector<uint64_t> too_large[] = {{4, uint64_t{1} << 32}, {(uint64_t{1} << 40) + 1, 4}};
  for (const auto& dims : too_large) {
    CHECK_REFUSED(refusal_of([&](auto& b) {
                    b.stage(StageKind::kTile);
                    const Operand id = b.buffer(Space::kTile, {1}, DType::kId);
                    b.input(id, 4);
                    b.add(Opcode::kEmbedding, {b.parameter(dims), id, b.tile({4})});
                  }),
                  "an operand has a wrong size");
  }
}

constexpr uint64_t kHugeRows = uint64_t{1} << 40;
std::string refusal_of_lookup(uint64_t rows, DType dtype, uint64_t limit) {
  return refusal_of([&](auto& b) {
    b.stage(StageKind::kTile);
    const Operand id = b.buffer(Space::kTile, {1}, dtype);
    b.input(id, limit);
    b.add(Opcode::kEmbedding, {b.parameter({rows, 64}), id, b.tile({64})});
  });
}

TEST(verifier_takes_tables_beyond_32_bits) {
  CHECK_EQ(refusal_of_lookup(kHugeRows, DType::kId64, kHugeRows), "");
  CHECK_EQ(refusal_of_lookup(kHugeRows, DType::kId, kMostNarrowRows), "");
  CHECK_REFUSED(refusal_of_lookup(kHugeRows, DType::kId64, kHugeRows + 1), "ids may exceed the table");
  CHECK_REFUSED(refusal_of_lookup(4, DType::kId64, kHugeRows), "ids may exceed the table");
  CHECK_REFUSED(refusal_of_lookup(kHugeRows, DType::kId, kMostNarrowRows + 1), "wrong width or limit");
}

// Looks up rows of `words` words as `dim` integers of `bits` bits, by an id or a bag.
std::string refusal_of_quantized(double bits, uint64_t dim, uint64_t words, DType ids) {
  return refusal_of([&](auto& b) {
    b.stage(StageKind::kTile);
    const Operand id = b.buffer(Space::kTile, {ids_width(ids)}, ids);
    b.input(id, 10);
    const Operand table = b.parameter({10, words}), out = b.tile({dim});
    if (is_bag(ids)) b.add(Opcode::kQuantizedEmbeddingBag, {table, id, out}, {bits, 0});
    else b.add(Opcode::kQuantizedEmbedding, {table, id, out}, {bits});
  });
}

TEST(verifier_takes_quantized_rows_of_two_words_and_their_integers) {
  for (const DType ids : {DType::kId, DType::kBag}) {
    for (const uint64_t bits : {4, 8}) {
      for (uint64_t dim = 1; dim <= 40; ++dim) {
        uint64_t words = 2;
        while ((words - 2) * 32 < dim * bits) ++words;
        CHECK_EQ(refusal_of_quantized(double(bits), dim, words, ids), "");
        CHECK_REFUSED(refusal_of_quantized(double(bits), dim, words - 1, ids), "do not fit one another");
        CHECK_REFUSED(refusal_of_quantized(double(bits), dim, words + 1, ids), "do not fit one another");
      }
    }
    for (const double bits : {0.0, 2.0, 5.0, 16.0, 32.0}) {
      CHECK_REFUSED(refusal_of_quantized(bits, 8, 4, ids), "do not fit one another");
    }
  }
}

TEST(verifier_keeps_16_bit_numbers_to_tables) {
  CHECK_REFUSED(refusal_of([](auto& b) {
                  b.stage(StageKind::kTile);
                  const Operand x = b.tile({3});
                  b.input(x);
                  b.add(Opcode::kLinear, {x, b.parameter({2, 3}, DType::kFp16), b.tile({2})}, {0, 0, 0});
                }),
                "breaks the operation's rule");
  CHECK_REFUSED(refusal_of([](auto& b) {
                  b.stage(StageKind::kTile);
                  const Operand x = b.buffer(Space::kTile, {3}, DType::kBf16);
                  b.add(Opcode::kActivation, {x, b.tile({3})}, {1});
                }),
                "wrong space");
  CHECK_REFUSED(refusal_of([](auto& b) {  // a state in 16 bits
                  const Operand table = b.parameter({9, 4}, DType::kFp16), sum = b.parameter({9, 4}, DType::kFp16);
                  const Operand lr = b.scalar(), id = b.buffer(Space::kBatch, {1}, DType::kId), grad = b.batch({4});
                  b.stage(StageKind::kTile);
                  b.input(id, 9);
                  b.input(grad);
                  b.stage(StageKind::kFixed);
                  b.add(Opcode::kTableAdagrad, {table, lr, sum, id, grad}, {1e-6, 0, 0, 0, 0, 0, 0});
                }),
                "breaks the operation's rule");
}

TEST(verifier_refuses_hazards) {
  CHECK_REFUSED(refusal_of([](auto& b) {  // never written
                  b.stage(StageKind::kTile);
                  b.add(Opcode::kActivation, {b.tile({3}), b.tile({3})}, {1});
                }),
                "has not written");
  CHECK_REFUSED(refusal_of([](auto& b) {  // written in another stage
                  b.stage(StageKind::kTile);
                  const Operand x = b.tile({3});
                  b.input(x);
                  b.stage(StageKind::kTile);
                  b.add(Opcode::kActivation, {x, b.tile({3})}, {1});
                }),
                "has not written");
  CHECK_REFUSED(refusal_of([](auto& b) {  // only two of three columns written
                  b.stage(StageKind::kTile);
                  const Operand x = b.tile({3});
                  b.input(Operand{x.buffer, 0, 1, {2, 1, 1}});
                  b.add(Opcode::kActivation, {x, b.tile({3})}, {1});
                }),
                "has not written");
  CHECK_REFUSED(refusal_of([](auto& b) {  // the table is smaller than the ids may be
                  b.stage(StageKind::kTile);
                  const Operand id = b.buffer(Space::kTile, {1}, DType::kId);
                  b.input(id, 11);
                  b.add(Opcode::kEmbedding, {b.parameter({10, 4}), id, b.tile({4})});
                }),
                "ids may exceed the table");
  CHECK_REFUSED(refusal_of([](auto& b) {  // two updates of one weight
                  const Operand w = b.parameter({4}), lr = b.scalar(), g = b.fixed({4});
                  b.stage(StageKind::kFixed);
                  b.add(Opcode::kConstant, {g}, {1});
                  b.stage(StageKind::kFixed);
                  b.add(Opcode::kSgd, {w, g, lr}, {0});
                  b.add(Opcode::kSgd, {w, g, lr}, {0});
                }),
                "at the same time");
  CHECK_REFUSED(refusal_of([](auto& b) {  // an input after an update: a bad id would be found too late
                  const Operand w = b.parameter({4}), lr = b.scalar(), g = b.fixed({4});
                  b.stage(StageKind::kFixed);
                  b.add(Opcode::kConstant, {g}, {1});
                  b.stage(StageKind::kFixed);
                  b.add(Opcode::kSgd, {w, g, lr}, {0});
                  b.stage(StageKind::kTile);
                  b.input(b.batch({1}));
                }),
                "loaded after parameters or translations were updated");
  CHECK_REFUSED(refusal_of([](auto& b) {  // an output over an input that is read again for other columns
                  b.stage(StageKind::kTile);
                  const Operand x = b.tile({4});
                  b.input(x);
                  b.add(Opcode::kLinear, {x, b.parameter({4, 4}), x}, {0, 0, 0});
                }),
                "shares memory");
}

TEST(memory_uses_are_what_the_signature_says) {
  test::ProgramBuilder b(64, 8, 2);
  const Operand w = b.parameter({4}), lr = b.scalar(), g = b.fixed({4}), sum = b.parameter({4});
  b.stage(StageKind::kFixed);
  b.add(Opcode::kConstant, {g}, {1});
  b.stage(StageKind::kFixed);
  b.add(Opcode::kAdagrad, {w, g, lr, sum}, {1e-6, 0});
  const std::vector<uint8_t> bytes = b.bytes();
  const Program program = decode(bytes);
  const std::vector<MemoryUse> uses = memory_uses(program, program.instructions[1]);
  CHECK_EQ(uses.size(), size_t{4});
  for (size_t i = 0; i < uses.size(); ++i) {
    CHECK(uses[i].access.read);
    CHECK_EQ(uses[i].access.written, i == 0 || i == 3);
    CHECK_EQ(uses[i].elements.end, i == 2 ? uint64_t{1} : uint64_t{4});
  }
  CHECK(uses[0].buffer->space == Space::kParameter && uses[1].buffer->space == Space::kFixed);
}

// A program that translates a column of ids for a lookup; `change` may spoil it.
template <class Change>
std::string refusal_of_translation(Change&& change) {
  return refusal_of([&](auto& b) {
    const Operand table = b.parameter({10, 4}), id = b.buffer(Space::kBatch, {1}, DType::kId64);
    const Operand row = b.buffer(Space::kBatch, {1}, DType::kId), out = b.tile({4});
    b.stage(StageKind::kTile);
    b.input(id, uint64_t{1} << 40);
    b.stage(StageKind::kFixed);
    b.add(Opcode::kTranslate, {id, row}, {b.translation(10), 1});
    change(b, id, row);
    b.stage(StageKind::kTile);
    b.add(Opcode::kEmbedding, {table, row, out});
  });
}

TEST(verifier_takes_translated_ids_as_rows) {
  const auto nothing = [](auto&, Operand, Operand) {};
  CHECK_EQ(refusal_of_translation(nothing), "");
  CHECK_REFUSED(refusal_of_translation([](auto& b, Operand id, Operand) {  // untranslated ids
                  b.stage(StageKind::kTile);
                  b.add(Opcode::kEmbedding, {b.parameter({10, 4}), id, b.tile({4})});
                }),
                "ids may exceed the table");
  CHECK_REFUSED(refusal_of_translation([](auto& b, Operand, Operand row) {  // a smaller table than the translation's
                  b.stage(StageKind::kTile);
                  b.add(Opcode::kEmbedding, {b.parameter({9, 4}), row, b.tile({4})});
                }),
                "ids may exceed the table");
  CHECK_REFUSED(refusal_of_translation([](auto& b, Operand id, Operand) {
                  b.add(Opcode::kTranslate, {id, b.buffer(Space::kBatch, {1}, DType::kId)}, {0, 1});
                }),
                "a translation has two instructions");
  CHECK_REFUSED(refusal_of_translation([](auto& b, Operand id, Operand) {
                  b.add(Opcode::kTranslate, {id, b.buffer(Space::kBatch, {1}, DType::kBag)}, {b.translation(10), 1});
                }),
                "do not fit one another");
  CHECK_REFUSED(refusal_of_translation([](auto& b, Operand id, Operand) {  // more rows than 32 bits count
                  const double wide = b.translation(kMostNarrowRows + 1);
                  b.add(Opcode::kTranslate, {id, b.buffer(Space::kBatch, {1}, DType::kId)}, {wide, 1});
                }),
                "do not fit one another");
  CHECK_REFUSED(refusal_of_translation([](auto& b, Operand id, Operand) {  // no such translation
                  b.add(Opcode::kTranslate, {id, b.buffer(Space::kBatch, {1}, DType::kId)}, {1, 1});
                }),
                "attribute has a value");
  CHECK_REFUSED(refusal_of_translation([](auto& b, Operand, Operand) {
                  b.stage(StageKind::kTile);
                  b.input(b.batch({1}));
                }),
                "loaded after parameters or translations were updated");
}

}  // namespace
}  // namespace pairloom
