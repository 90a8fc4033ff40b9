#include "cpu/exchange/exchange_stage.h"

#include <algorithm>
#include <cstring>
#include <sstream>
#include <utility>

#include "program/error.h"

namespace pairloom {
namespace {

constexpr size_t kStatusBytes = sizeof(uint64_t), kReportBytes = 2048;
enum Status : uint64_t { kFine, kFailed };

Report report_of(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error.report();
  } catch (const std::exception& error) {
    return {error.what(), "run", "", "", ""};
  }
}

// The parts of a report as lines of one text of a fixed size.
std::vector<char> pack_report(const Report& report) {
  std::vector<char> bytes(kReportBytes, '\0');
  size_t at = 0;
  for (const std::string* part : {&report.what, &report.where, &report.got, &report.expected, &report.next}) {
    const size_t size = std::min(part->size(), kReportBytes / 5 - 1);
    std::copy_n(part->begin(), size, bytes.begin() + ptrdiff_t(at));
    bytes[at + size] = '\n';
    at += size + 1;
  }
  return bytes;
}

Report unpack_report(const char* bytes, uint32_t rank) {
  std::istringstream lines(std::string(bytes, kReportBytes));
  Report report;
  for (std::string* part : {&report.what, &report.where, &report.got, &report.expected, &report.next}) {
    std::getline(lines, *part);
  }
  report.where = "rank " + std::to_string(rank) + (report.where.empty() ? "" : ", " + report.where);
  return report;
}

}  // namespace

void ExchangeStage::begin(const Communicator& ranks, Pool& pool, const StepContext& step, std::exception_ptr failure) {
  failure_ = std::move(failure);
  pool.run(uint32_t(exchangers_.size()), [&](uint32_t i, uint32_t) { exchangers_[i]->begin(step); });
  uint32_t rounds = 0;
  for (const auto& exchanger : exchangers_) rounds = std::max(rounds, exchanger->rounds());
  received_.resize(rounds);
  pack(ranks, pool, 0);
}

std::exception_ptr ExchangeStage::end(Communicator& ranks, Pool& pool, std::exception_ptr failure,
                                      Waiting waiting) {
  if (!failure_) failure_ = std::move(failure);
  for (uint32_t round = 0; round < received_.size(); ++round) {
    if (round > 0) pack(ranks, pool, round);
    exchange(ranks, pool, round, waiting);
    check_statuses(ranks, received_[round]);
    failure_ = check();
  }
  return std::exchange(failure_, nullptr);
}

template <class Size>
void ExchangeStage::lay_out(Blocks& blocks, const Communicator& ranks, const Size& size) const {
  blocks.starts.assign(ranks.size(), 0);
  blocks.sizes.assign(ranks.size(), 0);
  blocks.parts.resize(ranks.size() * exchangers_.size());
  uint64_t bytes = 0;
  for (uint32_t rank = 0; rank < ranks.size(); ++rank) {
    if (rank == ranks.rank()) continue;
    blocks.starts[rank] = bytes;
    bytes += kStatusBytes;
    for (size_t i = 0; i < exchangers_.size(); ++i) {
      blocks.parts[rank * exchangers_.size() + i] = bytes;
      bytes += size(*exchangers_[i], rank);
    }
    blocks.sizes[rank] = bytes - blocks.starts[rank];
  }
  if (blocks.bytes.size() < bytes) blocks.bytes = Block<char>(bytes + bytes / 4);
}

// Calls work(exchanger, rank, index of its part) on the threads of the pool.
template <class Work>
void ExchangeStage::each_part(Pool& pool, uint32_t round, uint32_t ranks, const Work& work) {
  const uint32_t count = uint32_t(exchangers_.size());
  pool.run(ranks * count, [&](uint32_t part, uint32_t) {
    Exchanger& exchanger = *exchangers_[part % count];
    if (exchanger.rounds() > round) work(exchanger, part / count, part);
  });
}

void ExchangeStage::pack(const Communicator& ranks, Pool& pool, uint32_t round) {
  lay_out(sent_, ranks, [&](const Exchanger& e, uint32_t rank) { return e.rounds() > round ? e.sends(round, rank) : 0; });
  if (failure_) return;
  each_part(pool, round, ranks.size(), [&](Exchanger& exchanger, uint32_t rank, uint32_t part) {
    if (rank != ranks.rank()) exchanger.pack(round, rank, &sent_.bytes[sent_.parts[part]]);
  });
}

void ExchangeStage::exchange(Communicator& ranks, Pool& pool, uint32_t round, Waiting waiting) {
  Blocks& received = received_[round];
  const auto has = [&](const Exchanger& e) { return e.rounds() > round; };
  lay_out(received, ranks, [&](const Exchanger& e, uint32_t rank) { return has(e) ? e.receives(round, rank) : 0; });
  const uint64_t status = failure_ ? kFailed : kFine;
  for (uint32_t rank = 0; rank < ranks.size(); ++rank) {
    if (rank != ranks.rank()) std::memcpy(&sent_.bytes[sent_.starts[rank]], &status, kStatusBytes);
  }
  const auto named = std::find_if(exchangers_.begin(), exchangers_.end(), [&](const auto& e) { return has(*e); });
  ranks.exchange((*named)->name(round), {sent_.bytes.data(), sent_.sizes}, {received.bytes.data(), received.sizes},
                 waiting);
  each_part(pool, round, ranks.size(), [&](Exchanger& exchanger, uint32_t rank, uint32_t part) {
    if (rank == ranks.rank()) exchanger.keep(round);
    else exchanger.unpack(round, rank, &received.bytes[received.parts[part]]);
  });
  pool.run(uint32_t(exchangers_.size()), [&](uint32_t i, uint32_t) {
    if (has(*exchangers_[i])) exchangers_[i]->finish(round);
  });
}

// Where a rank has failed, all exchange reports and throw the first.
void ExchangeStage::check_statuses(Communicator& ranks, const Blocks& received) const {
  const auto has_failed = [&](uint32_t rank) {
    if (rank == ranks.rank()) return failure_ != nullptr;
    uint64_t status;
    std::memcpy(&status, &received.bytes[received.starts[rank]], kStatusBytes);
    return status != kFine;
  };
  uint32_t first = 0;
  while (first < ranks.size() && !has_failed(first)) ++first;
  if (first == ranks.size()) return;
  const std::vector<char> own = pack_report(failure_ ? report_of(failure_) : Report{});
  std::vector<char> all(kReportBytes * ranks.size());
  const std::vector<uint64_t> sizes(ranks.size(), kReportBytes);
  ranks.gather("failures", own.data(), {all.data(), sizes});
  throw Error(unpack_report(&all[first * kReportBytes], first));
}

std::exception_ptr ExchangeStage::check() const {
  try {
    for (const auto& exchanger : exchangers_) exchanger->check();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

}  // namespace pairloom
