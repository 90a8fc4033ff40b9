#include "cpu/exchange/exchange_stage.h"

#include <algorithm>
#include <cstring>
#include <sstream>

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

std::exception_ptr ExchangeStage::run(Communicator& ranks, Pool& pool, const StepContext& step, std::exception_ptr failure) {
  pool.run(uint32_t(exchangers_.size()), [&](uint32_t i, uint32_t) { exchangers_[i]->begin(step); });
  uint32_t rounds = 0;
  for (const auto& exchanger : exchangers_) rounds = std::max(rounds, exchanger->rounds());
  for (uint32_t round = 0; round < rounds; ++round) {
    run_round(ranks, pool, round, failure != nullptr);
    check_statuses(ranks, failure);
    failure = check();
  }
  return failure;
}

template <class Size>
void ExchangeStage::lay_out(Blocks& blocks, uint32_t round, const Communicator& ranks, const Size& size) const {
  blocks.starts.assign(ranks.size(), 0);
  blocks.sizes.assign(ranks.size(), 0);
  const auto block_of = [&](uint32_t rank) {
    uint64_t block = kStatusBytes;
    for (const auto& exchanger : exchangers_) block += exchanger->rounds() > round ? size(*exchanger, rank) : 0;
    return block;
  };
  uint64_t bytes = 0;
  for (uint32_t rank = 0; rank < ranks.size(); ++rank) {
    if (rank != ranks.rank()) blocks.sizes[rank] = block_of(rank);
    blocks.starts[rank] = bytes;
    bytes += blocks.sizes[rank];
  }
  blocks.starts[ranks.rank()] = bytes;
  bytes += block_of(ranks.rank());
  if (blocks.bytes.size() < bytes) blocks.bytes.resize(bytes);
}

// Calls move(exchanger, offset of its part).
template <class Move, class Size>
void ExchangeStage::each_part(uint32_t round, uint32_t rank, uint64_t start, const Size& size,
                              const Move& move) const {
  uint64_t at = start + kStatusBytes;
  for (const auto& exchanger : exchangers_) {
    if (exchanger->rounds() <= round) continue;
    move(*exchanger, at);
    at += size(*exchanger, rank);
  }
}

void ExchangeStage::run_round(Communicator& ranks, Pool& pool, uint32_t round, bool failed) {
  const auto sends = [&](const Exchanger& e, uint32_t rank) { return e.sends(round, rank); };
  const auto receives = [&](const Exchanger& e, uint32_t rank) { return e.receives(round, rank); };
  lay_out(sent_, round, ranks, sends);
  lay_out(received_, round, ranks, receives);
  pool.run(ranks.size(), [&](uint32_t rank, uint32_t) {
    const uint64_t status = failed ? kFailed : kFine;
    std::memcpy(&sent_.bytes[sent_.starts[rank]], &status, kStatusBytes);
    if (failed) return;
    each_part(round, rank, sent_.starts[rank], sends,
              [&](Exchanger& e, uint64_t at) { e.pack(round, rank, &sent_.bytes[at]); });
  });
  const auto named =
      std::find_if(exchangers_.begin(), exchangers_.end(), [&](const auto& e) { return e->rounds() > round; });
  ranks.exchange((*named)->name(round), {sent_.bytes.data(), sent_.sizes}, {received_.bytes.data(), received_.sizes});
  pool.run(ranks.size(), [&](uint32_t rank, uint32_t) {
    const Blocks& blocks = rank == ranks.rank() ? sent_ : received_;
    each_part(round, rank, blocks.starts[rank], receives,
              [&](Exchanger& e, uint64_t at) { e.unpack(round, rank, &blocks.bytes[at]); });
  });
  pool.run(uint32_t(exchangers_.size()), [&](uint32_t i, uint32_t) {
    if (exchangers_[i]->rounds() > round) exchangers_[i]->finish(round);
  });
}

// Where a rank has failed, all exchange reports and throw the first.
void ExchangeStage::check_statuses(Communicator& ranks, std::exception_ptr failure) const {
  uint32_t first = 0;
  for (uint64_t status = kFine; first < ranks.size(); ++first) {
    const Blocks& blocks = first == ranks.rank() ? sent_ : received_;
    std::memcpy(&status, &blocks.bytes[blocks.starts[first]], kStatusBytes);
    if (status != kFine) break;
  }
  if (first == ranks.size()) return;
  const std::vector<char> own = pack_report(failure ? report_of(failure) : Report{});
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
