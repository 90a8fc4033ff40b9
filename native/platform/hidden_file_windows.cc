#include <windows.h>
#include <winioctl.h>

#include <algorithm>

#include "platform/hidden_file.h"
#include "platform/wide.h"

namespace pairloom {
namespace {

// One for each thread: calls of other threads need not wait for it.
class Event {
 public:
  Event() : handle_(CreateEventW(nullptr, TRUE, FALSE, nullptr)) {}
  ~Event() { CloseHandle(handle_); }
  HANDLE handle() const { return handle_; }

 private:
  const HANDLE handle_;
};

template <class Call>
int64_t transfer(HANDLE file, uint64_t offset, size_t bytes, const Call& call) {
  thread_local const Event event;
  constexpr size_t kMost = size_t{1} << 30;  // a whole number of sectors
  OVERLAPPED place{};
  place.Offset = DWORD(offset);
  place.OffsetHigh = DWORD(offset >> 32);
  place.hEvent = event.handle();
  if (!call(DWORD(std::min(bytes, kMost)), &place) && GetLastError() != ERROR_IO_PENDING) return -1;
  DWORD done = 0;
  return GetOverlappedResult(file, &place, &done, TRUE) ? int64_t{done} : -1;
}

}  // namespace

bool HiddenFile::open(bool direct) {
  close();
  wchar_t path[MAX_PATH];
  if (GetTempFileNameW(wide(directory_).c_str(), L"plr", 0, path) == 0) return false;
  const DWORD flags = FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE | FILE_FLAG_OVERLAPPED;
  const HANDLE file = CreateFileW(path, GENERIC_READ | GENERIC_WRITE | DELETE, FILE_SHARE_DELETE, nullptr, CREATE_ALWAYS,
                                  flags | (direct ? FILE_FLAG_NO_BUFFERING : 0), nullptr);
  if (file == INVALID_HANDLE_VALUE) {
    const DWORD error = GetLastError();
    DeleteFileW(path);
    return SetLastError(error), false;
  }
  handle_ = intptr_t(file);
  DWORD nothing = 0;
  DeviceIoControl(file, FSCTL_SET_SPARSE, nullptr, 0, nullptr, 0, &nothing, nullptr);
  return true;
}

void HiddenFile::close() {
  if (handle_ != -1) CloseHandle(HANDLE(handle_));
  handle_ = -1;
}

int64_t HiddenFile::read(uint64_t offset, size_t bytes, char* to) const {
  const HANDLE file = HANDLE(handle_);
  const int64_t got = transfer(file, offset, bytes, [&](DWORD length, OVERLAPPED* place) {
    return ReadFile(file, to, length, nullptr, place);
  });
  return got < 0 && GetLastError() == ERROR_HANDLE_EOF ? 0 : got;
}

int64_t HiddenFile::write(uint64_t offset, size_t bytes, const char* from) const {
  const HANDLE file = HANDLE(handle_);
  return transfer(file, offset, bytes, [&](DWORD length, OVERLAPPED* place) {
    return WriteFile(file, from, length, nullptr, place);
  });
}

bool HiddenFile::cut(uint64_t end) const {
  LARGE_INTEGER size;
  if (GetFileSizeEx(HANDLE(handle_), &size) && uint64_t(size.QuadPart) <= end) return true;
  FILE_END_OF_FILE_INFO info;
  info.EndOfFile.QuadPart = LONGLONG(end);
  return SetFileInformationByHandle(HANDLE(handle_), FileEndOfFileInfo, &info, sizeof(info)) != 0;
}

uint64_t HiddenFile::allocated() const {
  FILE_COMPRESSION_INFO info;
  const bool known = GetFileInformationByHandleEx(HANDLE(handle_), FileCompressionInfo, &info, sizeof(info)) != 0;
  return known ? uint64_t(info.CompressedFileSize.QuadPart) : 0;
}

void HiddenFile::forget(uint64_t, size_t) const {}

}  // namespace pairloom
