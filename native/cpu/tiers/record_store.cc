#include "cpu/tiers/record_store.h"

#include <algorithm>
#include <iterator>

namespace pairloom {
namespace {

constexpr size_t kMostBytes = size_t{1} << 20;  // written at once

}  // namespace

RecordStore::RecordStore(RecordFile& file, RecordSlots slots, size_t places, size_t record_bytes)
    : file_(file),
      slots_(std::move(slots)),
      record_bytes_(record_bytes),
      most_(std::clamp<size_t>(kMostBytes / record_bytes, 1, std::max<size_t>(1, places / 4))),
      bytes_((places + 1) * record_bytes),
      records_(places + 1),
      index_(records_.data(), places, places),
      states_(places + 1, State::kFree) {
  for (size_t place = places; place > 0; --place) free_.push_back(uint32_t(place));
}

RecordStore::~RecordStore() {
  Lock lock(mutex_);
  waiting_.clear();  // the file is gone with its owner
  wait_for_writers(lock);
}

char* RecordStore::put(uint64_t record) {
  Lock lock(mutex_);
  uint32_t place = settled(record, lock);
  if (place == 0) {
    place = free_place(lock);
    records_[place] = record;
    index_.insert(record, place);
    slots_.remove(record);
  } else {
    remove_waiting(place);
  }
  states_[place] = State::kFilling;
  return bytes_of(place);
}

void RecordStore::send(uint64_t record) {
  const Lock lock(mutex_);
  add_waiting(index_.find(record));
  start_writer();
}

RecordStore::Found RecordStore::find(uint64_t record) {
  const Lock lock(mutex_);
  if (const uint32_t place = index_.find(record)) return {Where::kInMemory, bytes_of(place), 0};
  if (slots_.has(record)) return {Where::kInFile, nullptr, slots_.slot_of(record)};
  return {Where::kNowhere, nullptr, 0};
}

std::vector<uint64_t> RecordStore::records() {
  const Lock lock(mutex_);
  std::vector<uint64_t> all = slots_.records();
  const size_t in_file = all.size();
  for (uint32_t place = 1; place < states_.size(); ++place) {
    if (states_[place] != State::kFree) all.push_back(records_[place]);
  }
  merge_rest(all, in_file);  // one that is being written may have its slot already
  return all;
}

void RecordStore::remove(uint64_t record) {
  Lock lock(mutex_);
  const uint32_t place = settled(record, lock);
  slots_.remove(record);
  if (place == 0) return;
  remove_waiting(place);
  release(place);
}

void RecordStore::remove_from(uint64_t first) {
  Lock lock(mutex_);
  changed_.wait(lock, [&] { return writers_ == 0; });
  const auto goes = [&](uint32_t place) { return states_[place] != State::kFree && records_[place] >= first; };
  for (auto& [region, places] : waiting_) std::erase_if(places, goes);
  std::erase_if(waiting_, [](const auto& region) { return region.second.empty(); });
  for (uint32_t place = 1; place < states_.size(); ++place) {
    if (goes(place)) release(place);
  }
  slots_.remove_from(first);
}

void RecordStore::retire(uint64_t record) {
  const Lock lock(mutex_);
  slots_.retire(record);
}

void RecordStore::restore(uint64_t record, uint64_t slot) {
  const Lock lock(mutex_);
  slots_.restore(record, slot);
}

void RecordStore::begin_step() {
  Lock lock(mutex_);
  slots_.free_retired();
  if (!failure_) return;
  retry(lock);
  if (failure_) std::rethrow_exception(failure_);
}

// What is being written now may fail for a reason that is over: it is tried again with the others.
void RecordStore::retry(Lock& lock) {
  changed_.wait(lock, [&] { return writers_ == 0; });
  failure_ = nullptr;
  for (uint32_t place = 1; place < states_.size(); ++place) {
    if (states_[place] == State::kFailed) add_waiting(place);
  }
  wait_for_writers(lock);
}

uint32_t RecordStore::free_place(Lock& lock) {
  changed_.wait(lock, [&] { return !free_.empty() || writers_ == 0; });
  if (free_.empty()) retry(lock);
  if (free_.empty()) std::rethrow_exception(failure_);
  const uint32_t place = free_.back();
  free_.pop_back();
  return place;
}

uint32_t RecordStore::settled(uint64_t record, Lock& lock) {
  uint32_t place = 0;
  changed_.wait(lock, [&] {
    place = index_.find(record);
    return place == 0 || states_[place] != State::kWriting;
  });
  return place;
}

void RecordStore::release(uint32_t place) {
  index_.erase(records_[place]);
  states_[place] = State::kFree;
  free_.push_back(place);
}

void RecordStore::add_waiting(uint32_t place) {
  states_[place] = State::kWaiting;
  waiting_[RecordSlots::region_of(records_[place])].push_back(place);
}

void RecordStore::remove_waiting(uint32_t place) {
  if (states_[place] != State::kWaiting) return;
  const auto found = waiting_.find(RecordSlots::region_of(records_[place]));
  std::erase(found->second, place);
  if (found->second.empty()) waiting_.erase(found);
}

void RecordStore::wait_for_writers(Lock& lock) {
  draining_ = true;
  for (uint32_t i = 0; i < kWriters; ++i) start_writer();
  changed_.wait(lock, [&] { return writers_ == 0; });
  draining_ = false;
}

bool RecordStore::wants_writing() const {
  return !waiting_.empty() && (draining_ || free_.size() < states_.size() / 2);
}

void RecordStore::start_writer() {
  if (writers_ >= kWriters || !wants_writing()) return;
  ++writers_;
  threads_.post([this] { write(); });
}

void RecordStore::write() {
  Lock lock(mutex_);
  while (wants_writing()) {
    const Places places = next_places();
    if (places.empty()) break;  // others are writing to all regions, and go on
    write(places, lock);
  }
  --writers_;
  changed_.notify_all();
}

RecordStore::Places RecordStore::next_places() {
  auto next = waiting_.lower_bound(next_region_);
  for (size_t looked = 0; looked < waiting_.size(); ++looked, ++next) {
    if (next == waiting_.end()) next = waiting_.begin();
    if (busy_.contains(next->first)) continue;
    auto& [region, all] = *next;
    const auto end = all.begin() + ptrdiff_t(std::min(most_, all.size()));
    Places taken(all.begin(), end);
    all.erase(all.begin(), end);
    std::ranges::sort(taken, {}, [&](uint32_t place) { return records_[place]; });
    next_region_ = all.empty() ? region + 1 : region;
    if (all.empty()) waiting_.erase(next);
    return taken;
  }
  return {};
}

void RecordStore::write(const Places& places, Lock& lock) {
  std::vector<uint64_t> records;
  for (const uint32_t place : places) {
    states_[place] = State::kWriting;
    records.push_back(records_[place]);
  }
  const uint64_t region = RecordSlots::region_of(records.front());
  const std::vector<uint64_t> slots = slots_.reserve(records);
  busy_.insert(region);
  lock.unlock();
  std::vector<RecordFile::Piece> pieces;
  for (size_t i = 0; i < places.size(); ++i) pieces.push_back({slots[i], 0, record_bytes_, bytes_of(places[i])});
  std::exception_ptr failure;
  try {
    file_.write(pieces);
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  busy_.erase(region);
  for (size_t i = 0; i < places.size(); ++i) {
    if (failure) {
      slots_.free(slots[i]);
      states_[places[i]] = State::kFailed;
    } else {
      slots_.give(slots[i], records[i]);
      release(places[i]);
    }
  }
  if (failure) failure_ = failure;
  changed_.notify_all();
}

}  // namespace pairloom
