// Libraries that are found when the program runs.
#pragma once

#include <string>

namespace pairloom {

// Null: the reason says why it cannot be loaded.
void* load_library(const std::string& name, std::string& reason);
// One that the process has already loaded from this path, as long as whoever did keeps it; null if there is none.
void* loaded_library(const std::string& path);
// A function or object; null if the library lacks it.
void* symbol_of(void* library, const char* name);

}  // namespace pairloom
