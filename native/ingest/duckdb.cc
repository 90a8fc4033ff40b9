#include "ingest/duckdb.h"

#include <dlfcn.h>

namespace pairloom {

DuckFunctions find_duckdb(const char* path) {
  void* const library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return {};
  const DuckFunctions found = {
      reinterpret_cast<decltype(DuckFunctions::data)>(dlsym(library, "duckdb_vector_get_data")),
      reinterpret_cast<decltype(DuckFunctions::validity)>(dlsym(library, "duckdb_vector_get_validity"))};
  dlclose(library);  // the module that loaded it keeps it open
  return found.data != nullptr && found.validity != nullptr ? found : DuckFunctions{};
}

}  // namespace pairloom
