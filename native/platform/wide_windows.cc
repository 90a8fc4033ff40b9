#include <windows.h>

#include "platform/wide.h"

namespace pairloom {

std::wstring wide(const std::string& text) {
  std::wstring result(size_t(MultiByteToWideChar(CP_UTF8, 0, text.data(), int(text.size()), nullptr, 0)), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), int(text.size()), result.data(), int(result.size()));
  return result;
}

std::string narrow(const std::wstring& text) {
  const int length = int(text.size());
  std::string result(size_t(WideCharToMultiByte(CP_UTF8, 0, text.data(), length, nullptr, 0, nullptr, nullptr)), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text.data(), length, result.data(), int(result.size()), nullptr, nullptr);
  return result;
}

}  // namespace pairloom
