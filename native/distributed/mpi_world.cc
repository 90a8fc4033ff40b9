#include "distributed/mpi_world.h"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <optional>
#include <thread>

#include "distributed/mpi_calls.h"
#include "distributed/pulses.h"
#include "platform/inherited_socket.h"
#include "platform/process.h"
#include "program/error.h"

namespace pairloom {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLook{100};
// How long the library may take to find all ranks, and to leave them.
constexpr seconds kOpening{120}, kClosing{10};

class MpiWorld : public World {
 public:
  MpiWorld(uint32_t rank, uint32_t size, MpiCalls& calls, Mpi::Handle comm)
      : World(rank, size), calls_(calls), comm_(comm) {}

  const std::string& version() const override { return calls_.library().version; }

  void finish(int code) override {
    const uint8_t here = 1;
    std::vector<uint8_t> all(size());
    gather("finish", &here, {all.data(), std::vector<uint64_t>(size(), 1)});
    std::unique_lock lock(guard_);
    state_ = State::kFinishing;
    code_ = code;
    changed_.notify_all();
    changed_.wait(lock, [&] { return state_ == State::kFinished; });
  }

  void abort(const std::string& reason, int code) override {
    std::unique_lock lock(guard_);
    if (state_ == State::kFinished) return;
    failure_ = Verdict{reason, code};
    changed_.notify_all();
    changed_.wait(lock, [] { return false; });  // until the watching thread ends the process
  }

  // Of the process, once it finishes.
  int exit_code() const { return code_; }

  // Watches the other ranks until this one finishes.
  void watch(Pulses& pulses) {
    std::unique_lock lock(guard_);
    while (state_ == State::kOpen) {
      if (failure_) pulses.fail(*failure_);
      lock.unlock();
      pulses.beat(activity());
      lock.lock();
      changed_.wait_for(lock, kLook, [&] { return failure_ || state_ != State::kOpen; });
    }
  }

  void set_finished() {
    const std::lock_guard lock(guard_);
    state_ = State::kFinished;
    changed_.notify_all();
  }

 protected:
  void do_exchange(Sent sent, Received received, Waiting waiting) override {
    calls_.exchange(sent, received, comm_, waiting);
  }
  void do_gather(const void* own, Received all) override { calls_.gather(own, all.bytes[rank()], all, comm_); }
  void do_broadcast(std::span<uint8_t> bytes, uint32_t root) override { calls_.broadcast(bytes, root, comm_); }

 private:
  enum class State { kOpen, kFinishing, kFinished };

  MpiCalls& calls_;
  const Mpi::Handle comm_;
  std::mutex guard_;
  std::condition_variable changed_;
  State state_ = State::kOpen;
  int code_ = 0;
  std::optional<Verdict> failure_;
};

using Opened = std::promise<std::shared_ptr<World>>;

Place this_place() {
  Place place;
  host_name().copy(place.host, sizeof(place.host) - 1);
  place.pid = process_id();
  return place;
}

std::vector<Place> places_of_all(MpiCalls& calls, uint32_t size, Mpi::Handle comm) {
  const Place own = this_place();
  std::vector<Place> all(size);
  calls.gather(&own, sizeof(own), {all.data(), std::vector<uint64_t>(size, sizeof(own))}, comm);
  return all;
}

void initialize(const Mpi& mpi) {
  int level = 0;
  mpi.Init_thread(nullptr, nullptr, mpi.thread_multiple, &level);
  if (level >= mpi.thread_serialized) return;
  throw Error({"the MPI library serves one thread only", mpi.version, "", "MPI_THREAD_SERIALIZED or more",
               "Use a build of MPI with support for threads."});
}

Mpi::Handle duplicate_world(const Mpi& mpi) {
  Mpi::Handle comm = 0;
  mpi.Comm_dup(mpi.world, &comm);
  return comm;
}

std::shared_ptr<MpiWorld> make_world(MpiCalls& calls) {
  const Mpi& mpi = calls.library();
  int rank = 0, size = 0;
  mpi.Comm_rank(mpi.world, &rank);
  mpi.Comm_size(mpi.world, &size);
  return std::make_shared<MpiWorld>(uint32_t(rank), uint32_t(size), calls, duplicate_world(mpi));
}

// Ends the process if the library does not close, as MPICH sometimes does not over a slow network. All ranks have done their
// work by then, so that is no failure.
void finalize(const Mpi& mpi, int code) {
  std::promise<void> done;
  std::thread([closed = done.get_future(), code] {
    if (closed.wait_for(kClosing) != std::future_status::timeout) return;
    write_error("pairloom: the MPI library has not closed within " + std::to_string(kClosing.count()) +
                " s after all ranks had finished; nothing is lost\n");
    std::_Exit(code);
  }).detach();
  mpi.Finalize();
  done.set_value();
}

// MPICH's launcher, and Slurm's for it (PMI 1 and 2), talk to each rank through a socket that they have opened for it. Open MPI's
// launcher does not, but may run where another one has left its variables, as in the shell of a job step.
void find_launcher() {
  if (std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr || has_inherited_socket("PMI_FD", "PMI_RANK")) return;
  throw Error({"the connection to the launcher of the ranks is closed", std::string("PMI_FD=") + std::getenv("PMI_FD"),
               "a program between the launcher and this process, such as npx, has not passed it on", "",
               "Start the ranks without npx: mpirun -n 4 node_modules/.bin/pairloom ..., or npx pairloom launch -n 4 ..."});
}

// The life of the library, on a thread of its own: the standard wants the thread that opens it to close it.
void serve(const std::vector<std::string>& libraries, seconds patience, Opened& opened) {
  static MpiCalls calls(load_mpi(libraries));
  find_launcher();
  initialize(calls.library());
  const std::shared_ptr<MpiWorld> world = make_world(calls);
  const Mpi::Handle control = duplicate_world(calls.library());
  Pulses pulses(calls, control, world->rank(), places_of_all(calls, world->size(), control), patience);
  opened.set_value(world);
  world->watch(pulses);
  pulses.close();
  finalize(calls.library(), world->exit_code());
  world->set_finished();
}

}  // namespace

std::shared_ptr<World> open_mpi_world(std::vector<std::string> libraries, seconds patience) {
  // Never destroyed: a library that cannot open ends the process while the caller waits.
  static Opened& opened = *new Opened;
  std::future<std::shared_ptr<World>> world = opened.get_future();
  std::thread([libraries = std::move(libraries), patience] {
    try {
      serve(libraries, patience, opened);
    } catch (...) {
      opened.set_exception(std::current_exception());
    }
  }).detach();
  if (world.wait_for(kOpening) == std::future_status::timeout) {
    std::fprintf(stderr, "pairloom: not all ranks have come within %d s\n", int(kOpening.count()));
    std::_Exit(kLostRank);
  }
  return world.get();
}

}  // namespace pairloom
