// How the numbers of a dtype are stored.
#pragma once

#include "cpu/kernels/kernels.h"
#include "program/program.h"

namespace pairloom {

inline TableFormat table_format(DType dtype) {
  return dtype == DType::kFp16 ? TableFormat::kFp16 : dtype == DType::kBf16 ? TableFormat::kBf16 : TableFormat::kFp32;
}

// Bytes per number.
inline size_t bytes_of(DType dtype) { return is_half(dtype) ? sizeof(uint16_t) : sizeof(float); }

}  // namespace pairloom
