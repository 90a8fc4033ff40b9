// The smallest test harness that serves: tests register themselves, checks throw, main.cc runs them by name.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace pairloom::test {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

struct Registration {
  Registration(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

[[noreturn]] inline void fail(const char* file, int line, const std::string& message) {
  throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + message);
}

template <class A, class B>
void check_equal(const A& got, const B& expected, const char* file, int line, const char* text) {
  if (got == expected) return;
  std::ostringstream out;
  out << text << ": got " << got << ", expected " << expected;
  fail(file, line, out.str());
}

}  // namespace pairloom::test

#define TEST(name)                                                            \
  static void name();                                                         \
  static const pairloom::test::Registration registration_##name(#name, name); \
  static void name()

#define CHECK(condition) \
  if (!(condition)) pairloom::test::fail(__FILE__, __LINE__, "not true: " #condition)

#define CHECK_EQ(got, expected) pairloom::test::check_equal((got), (expected), __FILE__, __LINE__, #got)
