#include <dlfcn.h>

#include "platform/library.h"

namespace pairloom {

void* load_library(const std::string& name, std::string& reason) {
  void* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) reason = dlerror();
  return library;
}

void* loaded_library(const std::string& path) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (library != nullptr) dlclose(library);
  return library;
}

void* symbol_of(void* library, const char* name) { return dlsym(library, name); }

}  // namespace pairloom
