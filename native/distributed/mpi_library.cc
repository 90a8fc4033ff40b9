#include "distributed/mpi_library.h"

#include <dlfcn.h>

#include <algorithm>

#include "program/error.h"

namespace pairloom {
namespace {

constexpr size_t kMostVersion = 8192;

// Null where the library lacks the function or object.
void* symbol(void* library, const char* name) { return dlsym(library, name); }

// The name of a function that is missing; null: the library has all of them.
const char* find_functions(void* library, Mpi& mpi) {
#define FIND(name)                                                                \
  mpi.name = reinterpret_cast<decltype(mpi.name)>(symbol(library, "MPI_" #name)); \
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
  if (void* const world = symbol(library, "ompi_mpi_comm_world")) {  // Open MPI: addresses of objects
    mpi.world = Mpi::Handle(world);
    mpi.byte = Mpi::Handle(symbol(library, "ompi_mpi_byte"));
    mpi.thread_serialized = 2;
    mpi.thread_multiple = 3;
    mpi.status_ignore = nullptr;
  } else if (symbol(library, "MPI_Abi_get_version") != nullptr) {  // the standard ABI of MPI 5
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
    void* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      reasons += dlerror();
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
