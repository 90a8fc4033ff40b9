#include "ingest/duckdb.h"

#include "platform/library.h"

namespace pairloom {

DuckFunctions find_duckdb(const char* path) {
  void* const library = loaded_library(path);  // the module that loaded it keeps it open
  if (library == nullptr) return {};
  const DuckFunctions found = {
      reinterpret_cast<decltype(DuckFunctions::data)>(symbol_of(library, "duckdb_vector_get_data")),
      reinterpret_cast<decltype(DuckFunctions::validity)>(symbol_of(library, "duckdb_vector_get_validity"))};
  return found.data != nullptr && found.validity != nullptr ? found : DuckFunctions{};
}

}  // namespace pairloom
