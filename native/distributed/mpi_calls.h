// Calls of an MPI library that never block in it: each is started and then asked for until it is done, because a call
// that waits in the library spins on a processor for ever when another rank is lost.
#pragma once

#include <mutex>
#include <vector>

#include "distributed/communicator.h"
#include "distributed/mpi_library.h"

namespace pairloom {

class MpiCalls {
 public:
  explicit MpiCalls(Mpi mpi) : mpi_(std::move(mpi)) {}

  const Mpi& library() const { return mpi_; }

  void exchange(Sent sent, Received received, Mpi::Handle comm, Waiting waiting);
  void gather(const void* own, uint64_t bytes, Received all, Mpi::Handle comm);
  void broadcast(std::span<uint8_t> bytes, uint32_t root, Mpi::Handle comm);

  // A message that is under way.
  Mpi::Handle send(const void* bytes, size_t size, uint32_t to, int tag, Mpi::Handle comm);
  Mpi::Handle receive(void* bytes, size_t size, uint32_t from, int tag, Mpi::Handle comm);
  // Whether it has arrived; the handle is gone then.
  bool test(Mpi::Handle& request);

 private:
  // Blocks as the library takes them: in units of a datatype, since its counts are ints.
  struct Counts {
    uint64_t unit;
    Mpi::Handle type;
    std::vector<int> counts, places;
  };

  Counts counts_of(Sizes bytes);
  Mpi::Handle type_of(uint64_t unit);
  template <class Start>
  void wait(const Start& start, Waiting waiting = Waiting::awake());

  const Mpi mpi_;
  std::mutex guard_;  // of all calls: few libraries allow several threads without cost
  std::vector<std::pair<uint64_t, Mpi::Handle>> types_;
};

}  // namespace pairloom
