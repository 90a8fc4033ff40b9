// Vectors of DuckDB, through its C interface (duckdb.h) in the library that the process has loaded already.
#pragma once

#include <cstdint>

namespace pairloom {

struct DuckFunctions {
  void* (*data)(void* vector);          // duckdb_vector_get_data
  uint64_t* (*validity)(void* vector);  // duckdb_vector_get_validity; null: every row is valid
};

// Functions that are null where no library from this path is loaded, or where it lacks one of them.
DuckFunctions find_duckdb(const char* path);

}  // namespace pairloom
