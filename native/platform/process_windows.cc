#include <windows.h>

#include "platform/process.h"
#include "platform/wide.h"

namespace pairloom {

std::string host_name() {
  wchar_t name[256];
  DWORD length = DWORD(std::size(name));
  return GetComputerNameExW(ComputerNameDnsHostname, name, &length) ? narrow(std::wstring(name, length)) : "";
}

uint32_t process_id() { return GetCurrentProcessId(); }

void write_error(const std::string& text) {
  DWORD written = 0;
  WriteFile(GetStdHandle(STD_ERROR_HANDLE), text.data(), DWORD(text.size()), &written, nullptr);
}

}  // namespace pairloom
