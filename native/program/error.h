// Errors of the core, with the five parts that src/errors.ts needs for a PairloomError.
#pragma once

#include <exception>
#include <string>

namespace pairloom {

struct Report {
  std::string what, where, got, expected, next;
};

// Thrown while decoding, binding and checking a request, and when a step finds an invalid id; always before anything is
// updated.
class Error : public std::exception {
 public:
  explicit Error(Report report) : report_(std::move(report)) {}
  const Report& report() const { return report_; }
  const char* what() const noexcept override { return report_.what.c_str(); }

 private:
  Report report_;
};

}  // namespace pairloom
