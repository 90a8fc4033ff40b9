// What an instruction of an exchange stage sends to the other ranks. The parts of all instructions of the stage travel
// together, one collective call a round.
#pragma once

#include <cstdint>

#include "cpu/bound.h"

namespace pairloom {

class Exchanger {
 public:
  virtual ~Exchanger() = default;

  virtual uint32_t rounds() const = 0;
  // Of a round, for counters and messages: a literal.
  virtual const char* name(uint32_t round) const = 0;

  // Before the first round.
  virtual void begin(const StepContext&) {}
  // Bytes for another rank and from one: multiples of 4, so that numbers may be read in place. Rows of 16 bits a number,
  // which are copied, may take any even number.
  virtual uint64_t sends(uint32_t round, uint32_t to) const = 0;
  virtual uint64_t receives(uint32_t round, uint32_t from) const = 0;
  // Threads may pack, and unpack, the parts of different ranks at once. None of these throws. What is unpacked stays in
  // its place until the same round of the next step.
  virtual void pack(uint32_t round, uint32_t to, char* bytes) = 0;
  virtual void unpack(uint32_t round, uint32_t from, const char* bytes) = 0;
  // In place of both for this rank, whose part for itself does not travel.
  virtual void keep(uint32_t) {}
  // After all parts of a round have been unpacked.
  virtual void finish(uint32_t) {}
  // Throws Error if what another rank sent cannot be.
  virtual void check() const {}
};

}  // namespace pairloom
