#include "distributed/local.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <thread>

#include "program/error.h"
#include "runtime/wait.h"

namespace pairloom {
namespace {

constexpr std::chrono::minutes kPatience{1};
// Ranks meet many times a step, and rarely more than this apart. Where they share processors, the others need them.
constexpr std::chrono::microseconds kAwake{2000}, kAwakeWhenCrowded{20};
// After this the rank that is missing may be waiting for this processor.
constexpr std::chrono::microseconds kAlone{50};

struct Block {
  const void* data;
  uint64_t bytes;
};
struct Room {
  void* data;
  uint64_t bytes;
};

// What a rank sends to and expects from each rank.
struct Post {
  const char* call = "";
  std::vector<Block> out;
  std::vector<Room> in;
};

// Where the ranks meet.
class Board {
 public:
  explicit Board(uint32_t size)
      : awake_(size > std::thread::hardware_concurrency() ? kAwakeWhenCrowded : kAwake), posts_(size) {}

  void move(uint32_t rank, Post post, Waiting waiting = Waiting::awake()) {
    const auto awake = waiting.is_awake() ? awake_ : std::chrono::microseconds{0};
    posts_[rank] = std::move(post);  // read by others between the two meetings only
    arrive(awake);
    copy(rank);
    leave(awake);
  }

  void fail(const std::string& reason) {
    const std::lock_guard lock(guard_);
    fail_locked(reason);
  }

 private:
  void arrive(std::chrono::microseconds awake) {
    std::unique_lock lock(guard_);
    throw_if_failed();
    const uint64_t round = round_;
    if (meet()) return;
    const auto over = [&] { return round_ != round || failed_; };
    wait_unlocked(lock, awake, over);
    if (!changed_.wait_for(lock, kPatience, over)) {
      fail_locked(std::to_string(arrived_) + " of " + std::to_string(posts_.size()) + " ranks came within a minute");
    }
    if (round_ == round) throw_if_failed();
  }

  // Waits for all even after a failure: until then others may read what this rank sends.
  void leave(std::chrono::microseconds awake) {
    std::unique_lock lock(guard_);
    const uint64_t round = round_;
    if (!meet()) {
      const auto over = [&] { return round_ != round; };
      wait_unlocked(lock, awake, over);
      changed_.wait(lock, over);
    }
    throw_if_failed();
  }

  void fail_locked(const std::string& reason) {
    if (!failed_.exchange(true)) failure_ = reason;
    changed_.notify_all();
  }

  template <class Over>
  static void wait_unlocked(std::unique_lock<std::mutex>& lock, std::chrono::microseconds awake, const Over& over) {
    lock.unlock();
    if (!wait_awake(std::min(awake, kAlone), over)) wait_yielding(awake, over);
    lock.lock();
  }

  // True for the rank that completes the meeting.
  bool meet() {
    if (++arrived_ < posts_.size()) return false;
    arrived_ = 0;
    ++round_;
    changed_.notify_all();
    return true;
  }

  void copy(uint32_t rank) {
    const Post& own = posts_[rank];
    for (uint32_t from = 0; from < posts_.size(); ++from) {
      const Post& post = posts_[from];
      const Block block = post.out[rank];
      const Room room = own.in[from];
      if (std::strcmp(post.call, own.call) != 0)
        return fail("rank " + std::to_string(rank) + " calls " + own.call + ", rank " + std::to_string(from) + " " +
                    post.call);
      if (block.bytes != room.bytes)
        return fail("rank " + std::to_string(rank) + " expects " + std::to_string(room.bytes) + " bytes of rank " +
                    std::to_string(from) + ", which sends " + std::to_string(block.bytes));
      // The root of a broadcast has its bytes already, and others read them.
      if (room.bytes > 0 && room.data != block.data) std::memmove(room.data, block.data, room.bytes);
    }
  }

  void throw_if_failed() const {
    if (failed_) throw Error({"the ranks cannot go on", "in one process", failure_, "", ""});
  }

  const std::chrono::microseconds awake_;
  std::mutex guard_;
  std::condition_variable changed_;
  std::vector<Post> posts_;
  size_t arrived_ = 0;
  std::atomic<uint64_t> round_{0};
  std::atomic<bool> failed_{false};
  std::string failure_;  // the first
};

std::vector<Block> blocks_of(Sent sent) {
  std::vector<Block> blocks;
  auto at = static_cast<const char*>(sent.data);
  for (const uint64_t bytes : sent.bytes) {
    blocks.push_back({at, bytes});
    at += bytes;
  }
  return blocks;
}

std::vector<Room> rooms_of(Received received) {
  std::vector<Room> rooms;
  auto at = static_cast<char*>(received.data);
  for (const uint64_t bytes : received.bytes) {
    rooms.push_back({at, bytes});
    at += bytes;
  }
  return rooms;
}

class LocalCommunicator : public Communicator {
 public:
  LocalCommunicator(uint32_t rank, uint32_t size, std::shared_ptr<Board> board)
      : Communicator(rank, size), board_(std::move(board)) {}

  void abort(const std::string& reason, int) override {
    board_->fail("rank " + std::to_string(rank()) + ": " + reason);
  }

 protected:
  void do_exchange(Sent sent, Received received, Waiting waiting) override {
    board_->move(rank(), {activity().name, blocks_of(sent), rooms_of(received)}, waiting);
  }

  void do_gather(const void* own, Received all) override {
    const Block block{own, all.bytes[rank()]};
    board_->move(rank(), {activity().name, std::vector<Block>(size(), block), rooms_of(all)});
  }

  void do_broadcast(std::span<uint8_t> bytes, uint32_t root) override {
    Post post{activity().name, std::vector<Block>(size(), {nullptr, 0}), std::vector<Room>(size(), {nullptr, 0})};
    if (rank() == root) post.out.assign(size(), {bytes.data(), bytes.size()});
    post.in[root] = {bytes.data(), bytes.size()};
    board_->move(rank(), std::move(post));
  }

 private:
  std::shared_ptr<Board> board_;
};

}  // namespace

std::vector<std::shared_ptr<Communicator>> local_communicators(uint32_t size) {
  const auto board = std::make_shared<Board>(size);
  std::vector<std::shared_ptr<Communicator>> all;
  for (uint32_t rank = 0; rank < size; ++rank) all.push_back(std::make_shared<LocalCommunicator>(rank, size, board));
  return all;
}

}  // namespace pairloom
