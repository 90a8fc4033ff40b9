#include <unistd.h>

#include "platform/process.h"

namespace pairloom {

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof(name) - 1);
  return name;
}

uint32_t process_id() { return uint32_t(getpid()); }

void write_error(const std::string& text) {
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return;  // there is nobody to tell
}

}  // namespace pairloom
