// Ranks that are processes, started by the launcher of an MPI library.
#pragma once

#include <chrono>
#include <memory>

#include "distributed/communicator.h"

namespace pairloom {

class World : public Communicator {
 public:
  using Communicator::Communicator;
  // The library that carries the bytes, as it names itself.
  virtual const std::string& version() const = 0;
  // Waits until all ranks have done their work. Nothing can be sent afterwards. If the library does not close, the process
  // exits with `code`.
  virtual void finish(int code) = 0;
};

// Opens the first of these libraries that there is, once in the life of a process. From then on the process ends when a
// rank is lost, which is not heard of for longer than `patience`, with a line that names it. The process must itself
// leave by finish() or abort(). Throws Error.
std::shared_ptr<World> open_mpi_world(std::vector<std::string> libraries, std::chrono::seconds patience);

}  // namespace pairloom
