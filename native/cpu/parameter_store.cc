#include "cpu/parameter_store.h"

#include <bit>
#include <cstring>
#include <new>

#include "cpu/memory.h"
#include "program/error.h"

namespace pairloom {
namespace {

void refuse_misaligned(const std::string& path, uint64_t offset, size_t width) {
  if (offset % width == 0) return;
  throw Error({"numbers of a file are not aligned", path, "byte " + std::to_string(offset),
               "a multiple of " + std::to_string(width), "Read them into memory instead of mapping them."});
}

bool is_zeros(const Fill& spec) {
  return spec.kind == FillKind::kConstant && std::bit_cast<uint32_t>(float(spec.a)) == 0;
}

}  // namespace

ParameterStore::ParameterStore(DType dtype, uint64_t count)
    : dtype_(dtype), count_(count), data_(allocate_block(bytes())) {
  if (data_ == nullptr) throw std::bad_alloc();
}

ParameterStore::ParameterStore(DType dtype, uint64_t count, const std::string& path, uint64_t offset)
    : dtype_(dtype), count_(count) {
  refuse_misaligned(path, offset, width());
  mapping_.emplace(path, offset, bytes());
  data_ = mapping_->data();
}

ParameterStore::~ParameterStore() {
  if (!mapping_) free_block(data_, bytes());
}

size_t ParameterStore::width() const { return is_half(dtype_) ? sizeof(uint16_t) : sizeof(float); }

ParameterMemory ParameterStore::memory() {
  new_ = false;
  if (is_half(dtype_)) return std::span(static_cast<uint16_t*>(data_), count_);
  return std::span(static_cast<float*>(data_), count_);
}

char* ParameterStore::range(uint64_t from, uint64_t count) const {
  if (from <= count_ && count <= count_ - from) return static_cast<char*>(data_) + from * width();
  throw Error({"a range is outside the parameter", "read or write",
               "numbers " + std::to_string(from) + " to " + std::to_string(from + count),
               "within 0 to " + std::to_string(count_), ""});
}

void ParameterStore::begin_writing() {
  new_ = false;
  if (!mapping_) return;
  throw Error({"a parameter of a mapped file cannot be written to", "write", "", "memory of its own",
               "Allocate the parameter and read the file into it."});
}

void ParameterStore::read(uint64_t from, uint64_t count, void* into) const {
  const char* begin = range(from, count);
  if (count > 0) std::memcpy(into, begin, count * width());
}

void ParameterStore::write(uint64_t from, uint64_t count, const void* values) {
  begin_writing();
  char* begin = range(from, count);
  if (count > 0) std::memcpy(begin, values, count * width());
}

void ParameterStore::copy_from(const ParameterStore& source) {
  if (source.dtype_ != dtype_ || source.count_ != count_) {
    throw Error({"parameters of other sizes or dtypes cannot be copied", "copy",
                 std::to_string(source.count_) + " numbers", std::to_string(count_) + " numbers of the same dtype",
                 ""});
  }
  if (this != &source) write(0, count_, source.data_);
}

void ParameterStore::fill(const Fill& spec, uint32_t threads) {
  if (new_ && !mapping_ && is_zeros(spec)) return;
  begin_writing();
  if (dtype_ == DType::kFp32) return pairloom::fill(std::span(static_cast<float*>(data_), count_), spec, threads);
  const TableFormat format = dtype_ == DType::kFp16 ? TableFormat::kFp16 : TableFormat::kBf16;
  pairloom::fill(std::span(static_cast<uint16_t*>(data_), count_), format, spec, threads);
}

}  // namespace pairloom
