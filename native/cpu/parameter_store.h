// The numbers of one parameter, in memory that the core owns. JavaScript has a handle to it and reads and writes ranges:
// the machine bounds its size, not the arrays of the engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cpu/tables/fill.h"
#include "program/program.h"
#include "runtime/mapping.h"
#include "runtime/request.h"

namespace pairloom {

class ParameterStore {
 public:
  // Zeroed memory of `count` numbers. Throws std::bad_alloc.
  ParameterStore(DType dtype, uint64_t count);
  // `count` numbers of a file, from byte `offset` on; writing to them is refused. Throws Error.
  ParameterStore(DType dtype, uint64_t count, const std::string& path, uint64_t offset);
  ~ParameterStore();
  ParameterStore(const ParameterStore&) = delete;
  ParameterStore& operator=(const ParameterStore&) = delete;

  DType dtype() const { return dtype_; }
  uint64_t count() const { return count_; }
  // Bytes of memory of this process alone.
  uint64_t own_bytes() const { return mapping_ ? 0 : bytes(); }
  ParameterMemory memory() const;

  // Numbers [from, from + count), in the format of the store. Throw Error for a range outside.
  void read(uint64_t from, uint64_t count, void* into) const;
  void write(uint64_t from, uint64_t count, const void* values);
  // All numbers of another store of the same dtype and size.
  void copy_from(const ParameterStore& source);
  void fill(const Fill& spec, uint32_t threads);

 private:
  size_t width() const;  // bytes of a number
  uint64_t bytes() const { return count_ * width(); }
  char* range(uint64_t from, uint64_t count) const;
  void refuse_mapped() const;

  const DType dtype_;
  const uint64_t count_;
  std::optional<Mapping> mapping_;
  void* data_;
};

}  // namespace pairloom
