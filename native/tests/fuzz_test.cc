// No bytes at all make the decoder, or a program that it accepts, leave its memory.
#include "program/error.h"
#include "runtime/translations.h"
#include "tests/run_data.h"
#include "tests/test.h"
#include "tests/training_program.h"

namespace pairloom {
namespace {

using test::Random;

void set_word(std::vector<uint8_t>& bytes, size_t word, uint32_t value) { std::memcpy(&bytes[4 * word], &value, 4); }

bool small(const Program& p) {
  uint64_t elements = p.fixed_size + p.tile_size + p.batch_size + p.groups * p.partial_size;
  uint64_t weights = 0;
  for (const Buffer& buffer : p.buffers) weights += buffer.space == Space::kParameter ? buffer.width : 0;
  for (const Input& input : p.inputs) elements += uint64_t{input.width} * 70;
  for (const Output& output : p.outputs) elements += output.operand.size() * 70;
  return elements < 200'000 && weights < 20'000;
}

// Runs a verified program: if the verifier let a bad access through, the sanitizer sees it.
bool run_if_small(const Program& p, uint64_t seed) {
  if (!small(p)) return false;
  test::RunData data = test::make_data(p, 70, std::min(p.max_batch, 33u), seed);
  try {
    std::vector<std::shared_ptr<Translation>> translations;
    for (const TranslationSlot& slot : p.translations) translations.push_back(make_first_come(slot.rows));
    Executor executor(p, data.memory, 1, translations);
    executor.run(data.request);
  } catch (const Error&) {
  }
  return true;
}

void mutate(std::vector<uint8_t>& bytes, Random& random) {
  static constexpr uint32_t kWords[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 49, 51, 64, 4096, 1u << 24, 1u << 31, ~0u};
  for (uint32_t changes = 1 + random.below(2); changes > 0; --changes) {
    const size_t word = 4 + random.below(uint32_t(bytes.size() / 4 - 4));
    uint32_t value;
    std::memcpy(&value, &bytes[4 * word], 4);
    switch (random.below(4)) {
      case 0: value ^= 1u << random.below(32); break;
      case 1: value = kWords[random.below(std::size(kWords))]; break;
      case 2: value += random.below(2) ? 1 : ~0u; break;
      default: std::memcpy(&value, &bytes[4 * (4 + random.below(uint32_t(bytes.size() / 4 - 4)))], 4);
    }
    set_word(bytes, word, value);
  }
  test::reseal(bytes);
}

TEST(decoder_survives_mutation) {
  Random random(2024);
  uint32_t refused = 0, run = 0;
  for (uint32_t round = 0; round < 20'000; ++round) {
    std::vector<uint8_t> bytes = test::training_program(round % 2 == 0, round % 3 == 0);
    mutate(bytes, random);
    try {
      run += run_if_small(decode(bytes), round);
    } catch (const Error& error) {
      CHECK(!error.report().what.empty());
      ++refused;
    }
  }
  CHECK(refused > 10'000);
  CHECK(run > 500);
}

}  // namespace
}  // namespace pairloom
