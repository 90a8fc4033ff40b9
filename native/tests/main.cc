// pairloom_tests [substring]: runs every registered test whose name contains the substring.
#include <cstdio>
#include <cstring>
#include <exception>

#include "tests/test.h"

int main(int argc, char** argv) {
  const char* filter = argc > 1 ? argv[1] : "";
  int failures = 0, runs = 0;
  for (const auto& test : pairloom::test::cases()) {
    if (std::strstr(test.name, filter) == nullptr) continue;
    ++runs;
    try {
      test.run();
      std::printf("ok   %s\n", test.name);
    } catch (const std::exception& error) {
      ++failures;
      std::printf("FAIL %s\n     %s\n", test.name, error.what());
    }
    std::fflush(stdout);
  }
  std::printf("%d tests, %d failed\n", runs, failures);
  return failures == 0 ? 0 : 1;
}
