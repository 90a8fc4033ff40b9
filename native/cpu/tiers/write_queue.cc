#include "cpu/tiers/write_queue.h"

#include <algorithm>

namespace pairloom {

WriteQueue::WriteQueue(RecordFile& file, IoThreads& threads, size_t places, size_t record_bytes)
    : file_(file),
      threads_(threads),
      record_bytes_(record_bytes),
      bytes_((places + 1) * record_bytes),
      records_(places + 1),
      index_(records_.data(), places, places),
      states_(places + 1, State::kFree) {
  for (size_t place = places; place > 0; --place) free_.push_back(uint32_t(place));
}

WriteQueue::~WriteQueue() { drain(); }

char* WriteQueue::put(uint64_t record) {
  std::unique_lock lock(mutex_);
  uint32_t place = settled(record, lock);
  if (place == 0) {
    place = free_place(lock);
    records_[place] = record;
    index_.insert(record, place);
  }
  states_[place] = State::kFilling;
  return bytes_of(place);
}

void WriteQueue::send(uint64_t record) {
  const std::lock_guard lock(mutex_);
  const uint32_t place = index_.find(record);
  states_[place] = State::kWaiting;
  waiting_.push_back(place);
  start_writer();
}

const char* WriteQueue::find(uint64_t record) {
  const std::lock_guard lock(mutex_);
  const uint32_t place = index_.find(record);
  return place == 0 ? nullptr : bytes_of(place);
}

void WriteQueue::remove(uint64_t record) {
  std::unique_lock lock(mutex_);
  const uint32_t place = settled(record, lock);
  if (place != 0) release(place);
}

void WriteQueue::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return writers_ == 0; });
}

void WriteQueue::retry() {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) return;
    failure_ = nullptr;
    for (uint32_t place = 1; place < states_.size(); ++place) {
      if (states_[place] != State::kFailed) continue;
      states_[place] = State::kWaiting;
      waiting_.push_back(place);
    }
    start_writer();
  }
  drain();
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

uint32_t WriteQueue::free_place(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [&] { return !free_.empty() || writers_ == 0; });
  if (free_.empty()) std::rethrow_exception(failure_);
  const uint32_t place = free_.back();
  free_.pop_back();
  return place;
}

uint32_t WriteQueue::settled(uint64_t record, std::unique_lock<std::mutex>& lock) {
  uint32_t place = 0;
  changed_.wait(lock, [&] {
    place = index_.find(record);
    return place == 0 || states_[place] != State::kWriting;
  });
  return place;
}

void WriteQueue::release(uint32_t place) {
  index_.erase(records_[place]);
  states_[place] = State::kFree;
  free_.push_back(place);
}

// Half of the threads, so that reads need not wait for writes.
void WriteQueue::start_writer() {
  if (writers_ >= std::max<uint32_t>(1, threads_.count() / 2)) return;
  ++writers_;
  threads_.post([this] { write(); });
}

void WriteQueue::write() {
  std::unique_lock lock(mutex_);
  while (!waiting_.empty()) {
    const uint32_t place = waiting_.front();
    waiting_.pop_front();
    if (states_[place] == State::kWaiting) write(place, lock);
  }
  --writers_;
  changed_.notify_all();
}

void WriteQueue::write(uint32_t place, std::unique_lock<std::mutex>& lock) {
  states_[place] = State::kWriting;
  lock.unlock();
  std::exception_ptr failure;
  try {
    file_.write(records_[place], bytes_of(place));
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  if (failure) {
    states_[place] = State::kFailed;
    failure_ = failure;
  } else {
    release(place);
  }
  changed_.notify_all();
}

}  // namespace pairloom
