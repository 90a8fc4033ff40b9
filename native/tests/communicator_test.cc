// Ranks in one process against what the calls are defined to do.
#include <chrono>
#include <functional>
#include <numeric>
#include <optional>
#include <thread>

#include "distributed/local.h"
#include "program/error.h"
#include "tests/random.h"
#include "tests/test.h"

namespace pairloom {
namespace {

// Runs `work` for every rank on a thread of its own; the first error of each rank, or "".
std::vector<std::string> on_all_ranks(uint32_t size, const std::function<void(Communicator&)>& work) {
  const auto communicators = local_communicators(size);
  std::vector<std::string> errors(size);
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        work(*communicators[rank]);
      } catch (const std::exception& error) {
        const auto* known = dynamic_cast<const Error*>(&error);
        errors[rank] = known != nullptr ? known->report().got : error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

// The bytes that `from` sends to `to` in a round: their number and each of them are functions of the three.
uint64_t bytes_between(uint32_t from, uint32_t to, uint32_t round) { return (from * 7 + to * 3 + round * 5) % 23; }
uint8_t byte_between(uint32_t from, uint32_t to, uint32_t round, uint64_t i) {
  return uint8_t(from * 31 + to * 17 + round * 13 + i);
}

// Ascending by rank, as the blocks of a call lie.
template <class Bytes, class Byte>
std::vector<uint8_t> laid_out(uint32_t size, const Bytes& bytes, const Byte& byte) {
  std::vector<uint8_t> all;
  for (uint32_t rank = 0; rank < size; ++rank) {
    for (uint64_t i = 0; i < bytes(rank); ++i) all.push_back(byte(rank, i));
  }
  return all;
}

void exchange_and_check(Communicator& ranks, uint32_t round) {
  const uint32_t me = ranks.rank();
  std::vector<uint64_t> sent_bytes, received_bytes;
  for (uint32_t rank = 0; rank < ranks.size(); ++rank) {
    sent_bytes.push_back(bytes_between(me, rank, round));
    received_bytes.push_back(bytes_between(rank, me, round));
  }
  const auto sent = laid_out(
      ranks.size(), [&](uint32_t to) { return sent_bytes[to]; },
      [&](uint32_t to, uint64_t i) { return byte_between(me, to, round, i); });
  const auto expected = laid_out(
      ranks.size(), [&](uint32_t from) { return received_bytes[from]; },
      [&](uint32_t from, uint64_t i) { return byte_between(from, me, round, i); });
  std::vector<uint8_t> received(expected.size());
  ranks.exchange("rows", {sent.data(), sent_bytes}, {received.data(), received_bytes});
  CHECK(received == expected);
}

void gather_and_check(Communicator& ranks, uint32_t round) {
  std::vector<uint64_t> bytes;
  for (uint32_t rank = 0; rank < ranks.size(); ++rank) bytes.push_back(bytes_between(rank, 0, round));
  const auto byte = [&](uint32_t from, uint64_t i) { return byte_between(from, 0, round, i); };
  const auto expected = laid_out(
      ranks.size(), [&](uint32_t from) { return bytes[from]; }, byte);
  std::vector<uint8_t> own, all(expected.size());
  for (uint64_t i = 0; i < bytes[ranks.rank()]; ++i) own.push_back(byte(ranks.rank(), i));
  ranks.gather("losses", own.data(), {all.data(), bytes});
  CHECK(all == expected);
}

void broadcast_and_check(Communicator& ranks, uint32_t round) {
  const uint32_t root = round % ranks.size();
  std::vector<uint8_t> expected(bytes_between(root, 0, round));
  for (uint64_t i = 0; i < expected.size(); ++i) expected[i] = byte_between(root, 0, round, i);
  std::vector<uint8_t> bytes = ranks.rank() == root ? expected : std::vector<uint8_t>(expected.size());
  ranks.broadcast("weights", bytes, root);
  CHECK(bytes == expected);
}

}  // namespace

TEST(every_rank_gets_the_bytes_that_are_for_it) {
  for (const uint32_t size : {1u, 2u, 3u, 5u, 16u}) {
    const auto errors = on_all_ranks(size, [](Communicator& ranks) {
      for (uint32_t round = 0; round < 30; ++round) {
        exchange_and_check(ranks, round);
        gather_and_check(ranks, round);
        broadcast_and_check(ranks, round);
      }
    });
    for (const std::string& error : errors) CHECK_EQ(error, "");
  }
}

TEST(bytes_to_other_ranks_are_counted_by_name) {
  constexpr uint32_t kSize = 3, kRounds = 4;
  const auto errors = on_all_ranks(kSize, [](Communicator& ranks) {
    const uint32_t me = ranks.rank();
    uint64_t rows = 0, losses = 0, weights = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (uint32_t round = 0; round < kRounds; ++round) {
      exchange_and_check(ranks, round);
      gather_and_check(ranks, round);
      broadcast_and_check(ranks, round);
      for (uint32_t to = 0; to < kSize; ++to) rows += to == me ? 0 : bytes_between(me, to, round);
      losses += (kSize - 1) * bytes_between(me, 0, round);
      if (round % kSize == me) weights += (kSize - 1) * bytes_between(me, 0, round);
    }
    const std::chrono::nanoseconds all = std::chrono::steady_clock::now() - begin;
    const std::vector<Traffic> traffic = ranks.traffic();
    CHECK_EQ(traffic.size(), size_t{3});
    uint64_t nanoseconds = 0;
    for (const Traffic& each : traffic) nanoseconds += each.nanoseconds;
    CHECK(nanoseconds > 0 && nanoseconds <= uint64_t(all.count()));
    const uint64_t expected[] = {rows, losses, weights};
    const char* const names[] = {"rows", "losses", "weights"};
    for (size_t i = 0; i < traffic.size(); ++i) {
      CHECK_EQ(traffic[i].name, names[i]);
      CHECK_EQ(traffic[i].calls, uint64_t{kRounds});
      CHECK_EQ(traffic[i].bytes, expected[i]);
    }
  });
  for (const std::string& error : errors) CHECK_EQ(error, "");
}

TEST(ranks_that_disagree_all_stop) {
  const auto sizes = on_all_ranks(3, [](Communicator& ranks) {
    const uint64_t bytes[] = {1, 1, ranks.rank() == 2 ? uint64_t{2} : uint64_t{1}};
    uint8_t all[4];
    ranks.gather("losses", "ab", {all, bytes});
  });
  for (const std::string& error : sizes) CHECK(error.find("which sends") != std::string::npos);
  const auto calls = on_all_ranks(3, [](Communicator& ranks) {
    uint8_t byte = 0;
    ranks.broadcast(ranks.rank() == 1 ? "weights" : "losses", {&byte, 1}, 0);
  });
  for (const std::string& error : calls) CHECK(error.find("calls") != std::string::npos);
}

TEST(a_rank_that_aborts_stops_the_ranks_that_wait_for_it) {
  const auto errors = on_all_ranks(4, [](Communicator& ranks) {
    exchange_and_check(ranks, 0);
    if (ranks.rank() == 2) return ranks.abort("the disk is full", 1);
    exchange_and_check(ranks, 1);
  });
  for (uint32_t rank = 0; rank < 4; ++rank) CHECK_EQ(errors[rank], rank == 2 ? "" : "rank 2: the disk is full");
}

}  // namespace pairloom
