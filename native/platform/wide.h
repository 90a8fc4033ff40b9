// Texts of Windows, which are UTF-16; ours are UTF-8.
#pragma once

#include <string>

namespace pairloom {

std::wstring wide(const std::string& text);
std::string narrow(const std::wstring& text);

}  // namespace pairloom
