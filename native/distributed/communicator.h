// Moves bytes between ranks: the processes that train one model together. Nothing is added up here, so that no bit of a
// result depends on the library that carries the bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace pairloom {

using Sizes = std::span<const uint64_t>;  // bytes, by rank

// Blocks that lie one after the other: block r is for rank r.
struct Sent {
  const void* data;
  Sizes bytes;
};

// The same, block r is from rank r.
struct Received {
  void* data;
  Sizes bytes;
};

// What a rank has sent to the others under one name.
struct Traffic {
  std::string name;
  uint64_t calls, bytes;
  uint64_t nanoseconds;  // within the calls: to wait for the others, and to move bytes
};

// How the thread of a call waits: awake at first, which answers sooner; or asleep, as others need the processor, until one
// of them can do nothing but wait for this call.
class Waiting {
 public:
  static Waiting awake() { return Waiting(nullptr); }
  static Waiting awake_while(const std::atomic<bool>& awaited) { return Waiting(&awaited); }
  bool is_awake() const { return awaited_ == nullptr || awaited_->load(std::memory_order_relaxed); }

 private:
  explicit Waiting(const std::atomic<bool>* awaited) : awaited_(awaited) {}
  const std::atomic<bool>* awaited_;  // null: always
};

// What a rank is doing.
struct Activity {
  uint64_t step, calls;  // the training step, and the number of calls begun
  const char* name;      // of the call that waits for other ranks; null: none does
};

// All ranks make the same calls in the same order, one at a time. A call returns when this rank has its bytes and its
// own may be overwritten. `name` tells what the bytes are, for counters and messages; it must be a literal. Every rank
// knows the sizes of the blocks that it sends and receives. A rank's block for itself may be left out on both sides.
class Communicator {
 public:
  Communicator(uint32_t rank, uint32_t size) : rank_(rank), size_(size) {}
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  uint32_t rank() const { return rank_; }
  uint32_t size() const { return size_; }

  // Every rank sends a block to every rank.
  void exchange(const char* name, Sent sent, Received received, Waiting waiting = Waiting::awake());
  // Every rank gets the block of every rank; `own` has all.bytes[rank()] bytes.
  void gather(const char* name, const void* own, Received all);
  // Every rank gets the bytes of `root`.
  void broadcast(const char* name, std::span<uint8_t> bytes, uint32_t root);

  // Ends the work of all ranks and tells people the reason, unless it is empty. Processes exit with the code and do not
  // return from this call; ranks that are threads of one process throw Error from now on.
  virtual void abort(const std::string& reason, int code) = 0;

  // In the order of first use.
  std::vector<Traffic> traffic() const;
  Activity activity() const { return {step_.load(), calls_.load(), waiting_for_.load()}; }
  // Told to people when a rank is lost.
  void set_step(uint64_t step) { step_.store(step); }

 protected:
  virtual void do_exchange(Sent sent, Received received, Waiting waiting) = 0;
  virtual void do_gather(const void* own, Received all) = 0;
  virtual void do_broadcast(std::span<uint8_t> bytes, uint32_t root) = 0;

 private:
  class Call;
  // Runs a call under this name, in which this rank sends so many bytes.
  template <class Work>
  void timed_call(const char* name, uint64_t bytes, const Work& work);
  void count(const Traffic& call);

  const uint32_t rank_, size_;
  std::atomic<uint64_t> step_{0}, calls_{0};
  std::atomic<const char*> waiting_for_{nullptr};
  mutable std::mutex traffic_guard_;
  std::vector<Traffic> traffic_;
};

}  // namespace pairloom
