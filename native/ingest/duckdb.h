// Reads vectors of DuckDB through its C interface (duckdb.h), in the library that the process has already loaded.
#pragma once

#include <cstdint>

namespace pairloom {

struct DuckFunctions {
  void* (*data)(void* vector);          // duckdb_vector_get_data
  uint64_t* (*validity)(void* vector);  // duckdb_vector_get_validity; null: every row is valid
};

// The functions are null if no library from this path is loaded, or if it lacks one of them.
DuckFunctions find_duckdb(const char* path);

}  // namespace pairloom
