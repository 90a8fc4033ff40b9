#include "platform/inherited_socket.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace pairloom {
namespace {

bool is_socket(int file) {
  struct stat status {};
  return fstat(file, &status) == 0 && S_ISSOCK(status.st_mode);
}

#if defined(__linux__) && defined(SYS_pidfd_open) && defined(SYS_pidfd_getfd)

std::string text_of(pid_t process, const char* name) {
  std::ifstream file("/proc/" + std::to_string(process) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The process that has started this one; 0 if the system does not tell. Its name, in parentheses, may have any characters.
pid_t parent_of(pid_t process) {
  const std::string text = text_of(process, "stat");
  const size_t name = text.rfind(')');
  if (name == std::string::npos || name + 4 >= text.size()) return 0;
  return pid_t(std::atoi(text.c_str() + name + 4));
}

// Whether a process was started with this value of a variable.
bool started_with(const std::string& environment, const char* variable) {
  const char* const value = std::getenv(variable);
  if (value == nullptr) return false;
  const std::string entry = std::string("\0", 1) + variable + "=" + value + std::string("\0", 1);
  return environment.find(entry) != std::string::npos;
}

// A copy of a file of another process; negative if that has no such file, or the system does not allow it.
int take_file(pid_t process, int file) {
  const int handle = int(syscall(SYS_pidfd_open, process, 0));
  if (handle < 0) return -1;
  const int taken = int(syscall(SYS_pidfd_getfd, handle, file, 0));
  close(handle);
  return taken;
}

bool take_socket(const char* variable, const char* owner, int number) {
  for (pid_t process = getppid(); process > 1; process = parent_of(process)) {
    const std::string environment = std::string("\0", 1) + text_of(process, "environ");
    if (!started_with(environment, variable) || !started_with(environment, owner)) return false;
    const int socket = take_file(process, number);
    if (is_socket(socket)) return setenv(variable, std::to_string(socket).c_str(), 1) == 0;
    if (socket >= 0) close(socket);
  }
  return false;
}

#else

bool take_socket(const char*, const char*, int) { return false; }

#endif

}  // namespace

bool has_inherited_socket(const char* variable, const char* owner) {
  const char* const value = std::getenv(variable);
  if (value == nullptr) return true;
  const int number = std::atoi(value);
  return is_socket(number) || take_socket(variable, owner, number);
}

}  // namespace pairloom
