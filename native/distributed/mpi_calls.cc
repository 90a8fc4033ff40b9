#include "distributed/mpi_calls.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <numeric>
#include <thread>

#include "program/error.h"

namespace pairloom {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

// Threads that wait awake give their processor to others at first, and sleep after a while. The library needs them: while
// they sleep it moves nothing. A nap costs as much as some microseconds of computing, so one of a long exchange takes a quarter
// of the time since its call began, within limits.
constexpr microseconds kAwake{2000}, kNap{50}, kLongNap{150};
constexpr int kNapsSinceBegin = 4;
constexpr uint64_t kMostUnit = uint64_t{1} << 20;
constexpr uint64_t kPiece = uint64_t{1} << 30;

steady_clock::duration nap_after(steady_clock::duration since_begin) {
  return std::clamp<steady_clock::duration>(since_begin / kNapsSinceBegin, kNap, kLongNap);
}

// The largest power of two, up to a limit, of which all sizes are multiples; 1 where ints can count the bytes.
uint64_t unit_of(Sizes bytes) {
  const uint64_t total = std::accumulate(bytes.begin(), bytes.end(), uint64_t{0});
  if (total <= INT_MAX) return 1;
  uint64_t unit = kMostUnit;
  for (const uint64_t each : bytes) unit = std::gcd(unit, each);
  if (total / unit <= INT_MAX) return unit;
  throw Error({"too many bytes for one exchange between ranks", "",
               std::to_string(total) + " bytes in blocks that are multiples of " + std::to_string(unit),
               "fewer than 2^31 such parts", "Use a smaller batch, or more ranks."});
}

}  // namespace

MpiCalls::Counts MpiCalls::counts_of(Sizes bytes) {
  const uint64_t unit = unit_of(bytes);
  Counts counts{unit, type_of(unit), {}, {}};
  uint64_t place = 0;
  for (const uint64_t each : bytes) {
    counts.counts.push_back(int(each / unit));
    counts.places.push_back(int(place));
    place += each / unit;
  }
  return counts;
}

Mpi::Handle MpiCalls::type_of(uint64_t unit) {
  if (unit == 1) return mpi_.byte;
  for (const auto& [known, type] : types_) {
    if (known == unit) return type;
  }
  Mpi::Handle type = 0;
  const std::lock_guard lock(guard_);
  mpi_.Type_contiguous(int(unit), mpi_.byte, &type);
  mpi_.Type_commit(&type);
  types_.push_back({unit, type});
  return type;
}

void MpiCalls::exchange(Sent sent, Received received, Mpi::Handle comm, Waiting waiting) {
  const Counts out = counts_of(sent.bytes), in = counts_of(received.bytes);
  wait([&](Mpi::Handle* request) {
    mpi_.Ialltoallv(sent.data, out.counts.data(), out.places.data(), out.type, received.data, in.counts.data(),
                    in.places.data(), in.type, comm, request);
  }, waiting);
}

void MpiCalls::gather(const void* own, uint64_t bytes, Received all, Mpi::Handle comm) {
  const Counts in = counts_of(all.bytes);
  const int count = int(bytes / in.unit);
  wait([&](Mpi::Handle* request) {
    mpi_.Iallgatherv(own, count, in.type, all.data, in.counts.data(), in.places.data(), in.type, comm, request);
  });
}

void MpiCalls::broadcast(std::span<uint8_t> bytes, uint32_t root, Mpi::Handle comm) {
  for (size_t at = 0; at < bytes.size(); at += kPiece) {
    const std::span<uint8_t> piece = bytes.subspan(at, std::min<size_t>(kPiece, bytes.size() - at));
    wait([&](Mpi::Handle* request) {
      mpi_.Ibcast(piece.data(), int(piece.size()), mpi_.byte, int(root), comm, request);
    });
  }
}

Mpi::Handle MpiCalls::send(const void* bytes, size_t size, uint32_t to, int tag, Mpi::Handle comm) {
  const std::lock_guard lock(guard_);
  Mpi::Handle request = 0;
  mpi_.Isend(bytes, int(size), mpi_.byte, int(to), tag, comm, &request);
  return request;
}

Mpi::Handle MpiCalls::receive(void* bytes, size_t size, uint32_t from, int tag, Mpi::Handle comm) {
  const std::lock_guard lock(guard_);
  Mpi::Handle request = 0;
  mpi_.Irecv(bytes, int(size), mpi_.byte, int(from), tag, comm, &request);
  return request;
}

bool MpiCalls::test(Mpi::Handle& request) {
  const std::lock_guard lock(guard_);
  int done = 0;
  mpi_.Test(&request, &done, mpi_.status_ignore);
  return done != 0;
}

// Starts a call and waits until it is done. A rank that is lost ends the process meanwhile.
template <class Start>
void MpiCalls::wait(const Start& start, Waiting waiting) {
  Mpi::Handle request = 0;
  {
    const std::lock_guard lock(guard_);
    start(&request);
  }
  const auto begun = steady_clock::now();
  auto awake_since = begun;
  while (!test(request)) {
    const auto now = steady_clock::now();
    if (!waiting.is_awake()) {
      awake_since = now;
      std::this_thread::sleep_for(nap_after(now - begun));
    } else if (now - awake_since < kAwake) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kNap);
    }
  }
}

}  // namespace pairloom
