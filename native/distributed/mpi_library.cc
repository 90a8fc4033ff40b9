#include "distributed/mpi_library.h"

#include <algorithm>

#include "platform/library.h"
#include "program/error.h"

namespace pairloom {
namespace {

constexpr size_t kMostVersion = 8192;

// The name of a function that is missing; null: the library has all of them.
const char* find_functions(void* library, Mpi& mpi) {
#define FIND(name)                                                                   \
  mpi.name = reinterpret_cast<decltype(mpi.name)>(symbol_of(library, "MPI_" #name)); \
  if (mpi.name == nullptr) return "MPI_" #name
  FIND(Init_thread);
  FIND(Finalize);
  FIND(Abort);
  FIND(Comm_rank);
  FIND(Comm_size);
  FIND(Comm_dup);
  FIND(Get_library_version);
  FIND(Type_contiguous);
  FIND(Type_commit);
  FIND(Ialltoallv);
  FIND(Iallgatherv);
  FIND(Ibcast);
  FIND(Isend);
  FIND(Irecv);
  FIND(Test);
#undef FIND
  return nullptr;
}

// The constants of each ABI, as its mpi.h has them.
void set_constants(void* library, Mpi& mpi) {
  if (void* const world = symbol_of(library, "ompi_mpi_comm_world")) {  // Open MPI: addresses of objects
    mpi.world = Mpi::Handle(world);
    mpi.byte = Mpi::Handle(symbol_of(library, "ompi_mpi_byte"));
    mpi.thread_serialized = 2;
    mpi.thread_multiple = 3;
    mpi.status_ignore = nullptr;
  } else if (symbol_of(library, "MPI_Abi_get_version") != nullptr) {  // the standard ABI of MPI 5
    mpi.world = 0x101;
    mpi.byte = 0x247;
    mpi.thread_serialized = 2048;
    mpi.thread_multiple = 4096;
    mpi.status_ignore = nullptr;
  } else {  // the MPICH family: numbers
    mpi.world = 0x44000000;
    mpi.byte = 0x4c00010d;
    mpi.thread_serialized = 2;
    mpi.thread_multiple = 3;
    mpi.status_ignore = reinterpret_cast<void*>(1);
  }
}

std::string version_of(const Mpi& mpi) {
  std::string version(kMostVersion, '\0');
  int length = 0;
  mpi.Get_library_version(version.data(), &length);
  version.resize(version.find_first_of(std::string_view(",\n\0", 3)));
  std::replace(version.begin(), version.end(), '\t', ' ');
  return version;
}

}  // namespace

Mpi load_mpi(std::span<const std::string> libraries) {
  std::string reasons;
  for (const std::string& name : libraries) {
    reasons += reasons.empty() ? "" : "; ";
    std::string reason;
    void* const library = load_library(name, reason);
    if (library == nullptr) {
      reasons += reason;
      continue;
    }
    Mpi mpi{};
    if (const char* missing = find_functions(library, mpi)) {
      reasons += name + " has no " + missing;
      continue;
    }
    set_constants(library, mpi);
    mpi.version = version_of(mpi);
    return mpi;
  }
  throw Error({"no MPI library can be loaded", "", reasons, "", ""});
}

}  // namespace pairloom
