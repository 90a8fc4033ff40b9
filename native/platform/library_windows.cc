#include <windows.h>

#include "platform/failure.h"
#include "platform/library.h"
#include "platform/wide.h"

namespace pairloom {

void* load_library(const std::string& name, std::string& reason) {
  void* const library = LoadLibraryW(wide(name).c_str());
  if (library == nullptr) reason = name + ": " + last_failure().reason;
  return library;
}

void* loaded_library(const std::string& path) { return GetModuleHandleW(wide(path).c_str()); }

void* symbol_of(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}

}  // namespace pairloom
