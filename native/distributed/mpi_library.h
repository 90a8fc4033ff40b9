// The functions of an MPI library, found when the program runs: one build of the core serves Open MPI, the MPICH family
// (MPICH, Intel MPI, MVAPICH, Cray MPICH) and libraries with the standard ABI of MPI 5. A process that trains alone
// never loads one.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace pairloom {

struct Mpi {
  // A communicator, datatype or request: a pointer, or an int in the low half. Zero it before the library writes to it.
  // Arrays of handles and MPI_Status are not used, because their layouts differ.
  using Handle = uintptr_t;

  int (*Init_thread)(int*, char***, int required, int* provided);
  int (*Finalize)();
  int (*Abort)(Handle comm, int code);
  int (*Comm_rank)(Handle comm, int*);
  int (*Comm_size)(Handle comm, int*);
  int (*Comm_dup)(Handle comm, Handle*);
  int (*Get_library_version)(char*, int* length);
  int (*Type_contiguous)(int count, Handle type, Handle*);
  int (*Type_commit)(Handle*);
  int (*Ialltoallv)(const void*, const int* counts, const int* places, Handle type, void*, const int* counts_in,
                    const int* places_in, Handle type_in, Handle comm, Handle* request);
  int (*Iallgatherv)(const void*, int count, Handle type, void*, const int* counts_in, const int* places_in,
                     Handle type_in, Handle comm, Handle* request);
  int (*Ibcast)(void*, int count, Handle type, int root, Handle comm, Handle* request);
  int (*Isend)(const void*, int count, Handle type, int to, int tag, Handle comm, Handle* request);
  int (*Irecv)(void*, int count, Handle type, int from, int tag, Handle comm, Handle* request);
  int (*Test)(Handle* request, int* done, void* status);

  Handle world, byte;
  int thread_serialized, thread_multiple;
  void* status_ignore;
  std::string version;  // as the library names itself
};

// Loads the first of these libraries that there is. Throws Error that says why none can be loaded.
Mpi load_mpi(std::span<const std::string> libraries);

}  // namespace pairloom
