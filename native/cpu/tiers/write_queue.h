// Records on their way to the file. One that is needed again before it is there is read from here.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <vector>

#include "cpu/tiers/io_threads.h"
#include "cpu/tiers/record_file.h"
#include "runtime/dynamic/key_index.h"

namespace pairloom {

// One thread at a time adds and looks up records. A record that cannot be written stays here, and is tried again.
class WriteQueue {
 public:
  WriteQueue(RecordFile& file, IoThreads& threads, size_t places, size_t record_bytes);
  ~WriteQueue();

  // A place for the record's bytes; `send` has them written. In place of older bytes of the record, if these are here.
  // Waits while the queue is full. Throws Error if it is full of what cannot be written.
  char* put(uint64_t record);
  void send(uint64_t record);
  // The record's bytes if they are here, and valid until the next call of `put`; otherwise null.
  const char* find(uint64_t record);
  // The record is no longer to be written.
  void remove(uint64_t record);
  // Waits until all is written that can be.
  void drain();
  // Tries again to write what could not be written. Throws Error if it cannot be written now.
  void retry();

  static size_t memory_for(size_t places, size_t record_bytes) { return places * (record_bytes + 32); }

 private:
  enum class State : uint8_t { kFree, kFilling, kWaiting, kWriting, kFailed };

  char* bytes_of(uint32_t place) { return bytes_.data() + place * record_bytes_; }
  uint32_t free_place(std::unique_lock<std::mutex>& lock);
  // The place of the record, which nobody is writing from; 0 if it has none.
  uint32_t settled(uint64_t record, std::unique_lock<std::mutex>& lock);
  void release(uint32_t place);
  void start_writer();
  void write();
  void write(uint32_t place, std::unique_lock<std::mutex>& lock);

  RecordFile& file_;
  IoThreads& threads_;
  const size_t record_bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Block<char> bytes_;  // by place, from 1 on
  Block<uint64_t> records_;
  KeyIndex index_;
  std::vector<State> states_;
  std::vector<uint32_t> free_;
  std::deque<uint32_t> waiting_;  // and places that no longer wait
  uint32_t writers_ = 0;
  std::exception_ptr failure_;
};

}  // namespace pairloom
