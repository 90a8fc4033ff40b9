// This process, and where it runs.
#pragma once

#include <cstdint>
#include <string>

namespace pairloom {

std::string host_name();
uint32_t process_id();
// Writes past the buffers of the C library.
void write_error(const std::string& text);

}  // namespace pairloom
