#include "distributed/communicator.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "program/error.h"

namespace pairloom {

// Marks a call as in progress during its lifetime.
class Communicator::Call {
 public:
  Call(Communicator& communicator, const char* name) : communicator_(communicator) {
    const char* other = nullptr;
    if (!communicator_.waiting_for_.compare_exchange_strong(other, name))
      throw Error({"a rank exchanges two things at once", name, other, "one call at a time", ""});
    ++communicator_.calls_;
  }
  ~Call() { communicator_.waiting_for_.store(nullptr); }
  Call(const Call&) = delete;

 private:
  Communicator& communicator_;
};

namespace {

uint64_t total(Sizes bytes) { return std::accumulate(bytes.begin(), bytes.end(), uint64_t{0}); }

[[noreturn]] void refuse(const char* name, const std::string& what) { throw Error({what, name, "", "", ""}); }

}  // namespace

template <class Work>
void Communicator::timed_call(const char* name, uint64_t bytes, const Work& work) {
  const Call call(*this, name);
  const auto begin = std::chrono::steady_clock::now();
  work();
  const std::chrono::nanoseconds time = std::chrono::steady_clock::now() - begin;
  count({name, 1, bytes, uint64_t(time.count())});
}

void Communicator::exchange(const char* name, Sent sent, Received received, Waiting waiting) {
  if (sent.bytes.size() != size_ || received.bytes.size() != size_) refuse(name, "an exchange needs a size per rank");
  if (sent.bytes[rank_] != received.bytes[rank_]) refuse(name, "the block of a rank for itself has two sizes");
  timed_call(name, total(sent.bytes) - sent.bytes[rank_], [&] { do_exchange(sent, received, waiting); });
}

void Communicator::gather(const char* name, const void* own, Received all) {
  if (all.bytes.size() != size_) refuse(name, "a gather needs a size per rank");
  timed_call(name, all.bytes[rank_] * (size_ - 1), [&] { do_gather(own, all); });
}

void Communicator::broadcast(const char* name, std::span<uint8_t> bytes, uint32_t root) {
  if (root >= size_) refuse(name, "a broadcast comes from a rank that does not exist");
  timed_call(name, rank_ == root ? bytes.size() * (size_ - 1) : 0, [&] { do_broadcast(bytes, root); });
}

void Communicator::count(const Traffic& call) {
  const std::lock_guard lock(traffic_guard_);
  auto found = std::find_if(traffic_.begin(), traffic_.end(), [&](const Traffic& each) { return each.name == call.name; });
  if (found == traffic_.end()) found = traffic_.insert(found, {call.name, 0, 0, 0});
  found->calls += call.calls;
  found->bytes += call.bytes;
  found->nanoseconds += call.nanoseconds;
}

std::vector<Traffic> Communicator::traffic() const {
  const std::lock_guard lock(traffic_guard_);
  return traffic_;
}

}  // namespace pairloom
