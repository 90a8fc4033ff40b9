// A memory whose rows belong to the keys of a dynamic table: its weights, or a state of its optimizer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pairloom {

class RowMemory {
 public:
  virtual ~RowMemory() = default;

  virtual size_t row_bytes() const = 0;
  // Writes the initial values of a key to a row.
  virtual void initialize(uint32_t row, uint64_t key) = 0;
  // Copies a row, and writes it back.
  virtual void save(uint32_t row, char* to) const = 0;
  virtual void restore(uint32_t row, const char* from) = 0;
  virtual void prefetch(uint32_t row) const = 0;
  virtual void move(uint32_t from, uint32_t to) = 0;
  // Weights, not a state.
  virtual bool is_weights() const = 0;
  // Adds the squares of a row, one after the other.
  virtual double squares(uint32_t row, double sum) const = 0;
  // No row from `first` on is in use.
  virtual void release(uint64_t first) = 0;
};

}  // namespace pairloom
