// Records that are in a file, or on their way there.
#pragma once

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "cpu/tiers/io_threads.h"
#include "cpu/tiers/record_file.h"
#include "cpu/tiers/record_slots.h"
#include "runtime/dynamic/key_index.h"

namespace pairloom {

// Records wait in memory until half of it is full. Then those of one region after the other are written, each time all
// that wait: the disk has a few large operations in place of many small ones. One thread at a time calls these
// functions. A record that cannot be written stays in memory, and is tried again.
class RecordStore {
 public:
  RecordStore(RecordFile& file, RecordSlots slots, size_t places, size_t record_bytes);
  ~RecordStore();

  // A place for the record's bytes; `send` has them written. In place of older bytes of the record. Waits while all
  // places are taken. Throws Error if these have what cannot be written.
  char* put(uint64_t record);
  void send(uint64_t record);

  enum class Where : uint8_t { kNowhere, kInMemory, kInFile };
  struct Found {
    Where where;
    const char* bytes;  // in memory; valid until the next call of `put`
    uint64_t slot;      // in the file; valid until the record is put, removed or retired
  };
  Found find(uint64_t record);
  // All records, ascending.
  std::vector<uint64_t> records();

  void remove(uint64_t record);
  // All records from `first` on.
  void remove_from(uint64_t first);
  // A record of the file is removed in such a way that `restore` can bring it back until the next step has ended.
  void retire(uint64_t record);
  void restore(uint64_t record, uint64_t slot);

  // A step begins. Tries again to write what could not be written. Throws Error if it cannot be written now.
  void begin_step();

  static size_t memory_for(size_t places, size_t record_bytes) { return places * (record_bytes + 48); }

 private:
  enum class State : uint8_t { kFree, kFilling, kWaiting, kWriting, kFailed };
  using Places = std::vector<uint32_t>;
  using Lock = std::unique_lock<std::mutex>;

  static constexpr uint32_t kWriters = 4;

  char* bytes_of(uint32_t place) { return bytes_.data() + place * record_bytes_; }
  uint32_t free_place(Lock& lock);
  // The place of the record, which nobody is writing from; 0 if it has none.
  uint32_t settled(uint64_t record, Lock& lock);
  void release(uint32_t place);
  void wait_for_writers(Lock& lock);
  void add_waiting(uint32_t place);
  void remove_waiting(uint32_t place);
  void retry(Lock& lock);
  void start_writer();
  void write();
  bool wants_writing() const;
  // Places of one region that nobody is writing to, by record; none if there is no such region.
  Places next_places();
  void write(const Places& places, Lock& lock);

  RecordFile& file_;
  RecordSlots slots_;
  const size_t record_bytes_, most_;  // places that are written at once
  std::mutex mutex_;                  // of everything but the bytes
  std::condition_variable changed_;
  Block<char> bytes_;  // by place, from 1 on
  Block<uint64_t> records_;
  KeyIndex index_;
  std::vector<State> states_;
  std::vector<uint32_t> free_;
  std::map<uint64_t, Places> waiting_;  // by region
  std::set<uint64_t> busy_;             // regions that are being written to
  uint64_t next_region_ = 0;
  uint32_t writers_ = 0;
  bool draining_ = false;
  std::exception_ptr failure_;
  IoThreads threads_{kWriters};
};

}  // namespace pairloom
