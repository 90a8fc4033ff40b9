#include <windows.h>

#include "platform/failure.h"
#include "platform/wide.h"

namespace pairloom {
namespace {

Failure::Kind kind_of(DWORD error) {
  switch (error) {
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_DISK_QUOTA_EXCEEDED:
    case ERROR_FILE_TOO_LARGE: return Failure::Kind::kFull;
    case ERROR_INVALID_PARAMETER: return Failure::Kind::kInvalid;
    default: return Failure::Kind::kOther;
  }
}

}  // namespace

Failure last_failure() {
  constexpr DWORD kHow = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK;
  const DWORD error = GetLastError();
  wchar_t text[512];
  const DWORD length = FormatMessageW(kHow, nullptr, error, 0, text, DWORD(std::size(text)), nullptr);
  std::string reason = narrow(std::wstring(text, length));
  reason.resize(reason.find_last_not_of(" .") + 1);
  return {kind_of(error), reason.empty() ? "error " + std::to_string(error) : reason};
}

}  // namespace pairloom
