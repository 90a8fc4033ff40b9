// What the verifier and the executor refuse of what ranks exchange. That ranks train right: conformance/ranks.test.ts.
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <limits>
#include <thread>

#include "cpu/executor.h"
#include "cpu/reduce.h"
#include "distributed/local.h"
#include "program/error.h"
#include "tests/program_builder.h"
#include "tests/reserved.h"
#include "tests/test.h"

namespace pairloom {
namespace {

constexpr uint32_t kRows = 50, kWidth = 1, kBatch = 64;
using O = Opcode;

// Looks up rows that two ranks share, or of which both have all, and returns their gradients, which are the rows
// themselves.
struct SharedLookup {
  uint64_t table_rows = kRows, width = kWidth;
  DType ids = DType::kId;
  test::ProgramBuilder builder{kBatch, 32, 2};
  Operand table = builder.parameter({table_rows, width}), lr = builder.scalar();
  Operand id = builder.buffer(Space::kBatch, {1}, ids), local = builder.buffer(Space::kBatch, {1}, DType::kId);
  Operand rows = builder.buffer(Space::kExchange, {table_rows, width});
  Operand out = builder.batch({width});
  Operand owned = builder.buffer(Space::kExchange, {1}, DType::kId), sums = builder.buffer(Space::kExchange, {width});
  double route = 0, first_rank = 0, owners = 2, returned = 1, turn = 0, copies = 0, columns = 1;
  std::vector<double> starts{};
  bool reads_table = false, returns_ids = false, tells = false, by_row = false, twice = false;
  Operand told{};

  // Each rank has all rows.
  void copy() {
    copies = 1;
    tells = reads_table = true;
    told = builder.buffer(Space::kBatch, {1}, ids);
  }

  std::vector<uint8_t> bytes() {
    builder.stage(StageKind::kTile);
    builder.input(id, table_rows);
    builder.stage(StageKind::kFixed);
    std::vector<double> attributes{0, double(table_rows), first_rank, owners, returned, turn, copies, columns};
    attributes.insert(attributes.end(), starts.begin(), starts.end());
    builder.add(O::kUniqueRows, {id, local}, attributes);
    builder.stage(StageKind::kExchange);
    if (tells) builder.add(O::kTellRows, {id, local, told}, {route});
    else builder.add(O::kFetchRows, {table, local, rows}, {route});
    builder.stage(StageKind::kTile);
    builder.add(O::kEmbedding, {reads_table ? table : rows, tells ? told : local, out});
    builder.stage(StageKind::kExchange);
    builder.add(tells ? O::kFoldRows : O::kReturnRows, {returns_ids ? id : local, out, owned, sums}, {0, 0, 0});
    builder.stage(StageKind::kFixed);
    if (by_row) builder.add(O::kTableRowWiseAdagrad, {table, lr, builder.parameter({table_rows}), owned, sums}, {0, 0, 0, 0, 0, 0, 0});
    if (twice) builder.stage(StageKind::kFixed);
    if (!by_row || twice) builder.add(O::kTableSgd, {table, lr, owned, sums}, {0, 0, 0, 0, 0, 0});
    builder.output(out);
    return builder.bytes();
  }
};

std::string refusal_of(const std::function<void(SharedLookup&)>& breaks, uint64_t width = kWidth) {
  SharedLookup lookup{.width = width};
  breaks(lookup);
  try {
    decode(lookup.bytes());
  } catch (const Error& error) {
    return error.report().what + " " + error.report().expected;
  }
  return "nothing";
}

// A rank of two, by default rank 0; the other one sends what a test has it send.
class Forged : public Communicator {
 public:
  explicit Forged(std::function<void(uint32_t call, char* bytes, uint64_t size)> send, uint32_t rank = 0)
      : Communicator(rank, 2), send_(std::move(send)) {}
  void abort(const std::string&, int) override {}

 protected:
  void do_exchange(Sent, Received received, Waiting) override {
    char* bytes = static_cast<char*>(received.data);
    const uint64_t size = received.bytes[1 - rank()];
    std::memset(bytes, 0, size);
    send_(calls_++, bytes + sizeof(uint64_t), size - sizeof(uint64_t));
  }
  void do_gather(const void* own, Received all) override {
    std::memcpy(static_cast<char*>(all.data) + (rank() == 0 ? 0 : all.bytes[0]), own, all.bytes[rank()]);
  }
  void do_broadcast(std::span<uint8_t>, uint32_t) override {}

 private:
  const std::function<void(uint32_t, char*, uint64_t)> send_;
  uint32_t calls_ = 0;
};

struct Run {
  std::string error = "nothing";
  std::vector<float> table;
};

// A step of a rank, to whom the other rank sends these counts and this id.
Run run_with(uint32_t rows, uint32_t sums, uint32_t id, bool copied = false, std::vector<double> starts = {},
             uint32_t batch = kBatch, uint32_t rank = 0) {
  const auto ranks = std::make_shared<Forged>([=](uint32_t call, char* bytes, uint64_t size) {
    const uint32_t counts[] = {rows, sums};
    if (call == 0) std::memcpy(bytes, counts, sizeof counts);
    if (call == 1 && size >= sizeof id) std::memcpy(bytes, &id, sizeof id);
  }, rank);
  Run run;
  const size_t first = starts.empty() ? kRows : size_t(starts[1]);  // of rank 1; of equal shares, rank 0 has all rows
  const size_t own = rank == 0 ? first : kRows - first;
  run.table.assign(own * kWidth, 1.0f);
  std::vector<ParameterMemory> memory{std::span<float>(run.table)};
  SharedLookup lookup;
  lookup.starts = std::move(starts);
  if (copied) lookup.copy();
  Executor executor(decode(lookup.bytes()), memory, 1, {}, ranks);
  std::vector<int32_t> ids(kBatch, 7);
  std::vector<float> out(size_t{kBatch} * kWidth);
  const float rate = 0.5f;
  Request request{};
  request.columns = {{DType::kId, ids.data(), ids.size(), 0, 1, nullptr, 0}};
  request.rows = request.count = request.batch = batch;
  request.scalars = std::span<const float>(&rate, 1);
  request.outputs = {std::span<float>(out).first(size_t{batch} * kWidth)};
  try {
    executor.run(std::move(request));
  } catch (const Error& error) {
    run.error = error.report().what;
  }
  return run;
}

}  // namespace

TEST(verifier_takes_rows_that_ranks_share) {
  CHECK_EQ(refusal_of([](SharedLookup&) {}), "nothing");
}

TEST(verifier_refuses_broken_routes) {
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(has(refusal_of([](auto& l) { l.route = 1; }), "no uniqueRows yet"));
  CHECK(has(refusal_of([](auto& l) { l.reads_table = true; }), "ids are not those of the rows"));
  CHECK(has(refusal_of([](auto& l) { l.returns_ids = true; }), "another column than its route"));
  CHECK(has(refusal_of([](auto& l) { l.returned = 0; }), "not the columns of its route"));
  CHECK(has(refusal_of([](auto& l) { l.returned = 2; }), "more gradients return"));
  for (const double most : {4294967295.0, 4294967296.0, 9007199254740991.0}) {
    CHECK(
        has(refusal_of([=](auto& l) { l.owners = most; }), most == 4294967295.0 ? "nothing" : "wrong number of rows"));
    CHECK(has(refusal_of([=](auto& l) { l.first_rank = most; }), "wrong number of rows"));
  }
  CHECK(has(refusal_of([](auto& l) { l.owners = 0; }), "wrong number of rows"));
  CHECK(has(refusal_of([](auto& l) { l.copies = 1; }), "does not fit the copies of its route"));
  CHECK_EQ(refusal_of([](auto& l) { l.columns = 2; }, 5), "nothing");
  CHECK(has(refusal_of([](auto& l) { l.columns = 0; }, 5), "wrong number of rows"));
  CHECK(has(refusal_of([](auto& l) { l.columns = 3; }, 5), "less than four columns"));
  CHECK(has(refusal_of([](auto& l) { l.columns = 2, l.copies = 1; }, 5), "no columns of their own"));
  CHECK_EQ(refusal_of([](auto& l) { l.by_row = true; }, 5), "nothing");
  CHECK_EQ(refusal_of([](auto& l) { l.columns = 2, l.by_row = true; }, 5), "nothing");
  CHECK(has(refusal_of([](auto& l) { l.columns = 2, l.by_row = l.twice = true; }, 5), "another update than one by whole rows"));
  for (const auto& starts : {std::vector<double>{0, 0}, {0, 7}, {0, 1024}}) {
    CHECK_EQ(refusal_of([&](auto& l) { l.starts = starts; }), "nothing");
  }
  for (const auto& starts : {std::vector<double>{0}, {0, 1025}, {1, 7}, {0, 1, 2}}) {
    CHECK(has(refusal_of([&](auto& l) { l.starts = starts; }), "do not divide its slots"));
  }
  CHECK(has(refusal_of([](auto& l) { l.owners = 3, l.starts = {0, 9, 8}; }), "do not divide its slots"));
  for (const double start : {0.5, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(has(refusal_of([=](auto& l) { l.starts = {0, start}; }), "does not allow"));
  }
  CHECK(has(refusal_of([](auto& l) { l.table = l.builder.parameter({kRows + 1, kWidth}); }), "operation's rule"));
}

TEST(a_program_of_ranks_needs_them) {
  const auto refusal = [](const std::vector<uint8_t>& bytes, std::shared_ptr<Communicator> ranks) -> std::string {
    std::vector<float> table(size_t{kRows} * kWidth);
    const Program program = decode(bytes);
    std::vector<ParameterMemory> memory;
    if (program.buffers[0].space == Space::kParameter) memory.push_back(std::span<float>(table));
    try {
      Executor(program, memory, 1, {}, ranks);
    } catch (const Error& error) {
      return error.report().what;
    }
    return "nothing";
  };
  CHECK_EQ(refusal(SharedLookup().bytes(), nullptr), "a program of several ranks has no ranks");
  const auto ranks = std::make_shared<Forged>([](uint32_t, char*, uint64_t) {});
  SharedLookup more;
  more.owners = 3;
  CHECK_EQ(refusal(more.bytes(), ranks), "a table is shared by ranks that do not exist");
  test::ProgramBuilder lists(kBatch, 32, 2);  // rows, which no rank fetches
  const Operand id = lists.buffer(Space::kBatch, {1}, DType::kId), local = lists.buffer(Space::kBatch, {1}, DType::kId);
  lists.stage(StageKind::kTile);
  lists.input(id, kRows);
  lists.stage(StageKind::kFixed);
  lists.add(O::kUniqueRows, {id, local}, {0, kRows, 0, 2, 1, 0, 0, 1});
  CHECK_EQ(refusal(lists.bytes(), nullptr), "a program of several ranks has no ranks");
}

// Places of more than 32 bits; only the rows that are touched take memory.
TEST(ranks_share_tables_of_more_than_32_bits_of_rows) {
  constexpr uint64_t kWideRows = (uint64_t{1} << 33) + 5;
  const std::vector<uint64_t> rows{0, 1023, 1024, kWideRows - 1, uint64_t{1} << 32, (uint64_t{1} << 32) + 777, 5};
  std::vector<int64_t> ids;
  for (uint32_t b = 0; b < kBatch; ++b) ids.push_back(int64_t(rows[b % rows.size()]));
  const auto ranks = local_communicators(2);
  std::deque<test::Reserved> tables;
  for (uint32_t rank = 0; rank < 2; ++rank) {
    const Shard shard{{kWideRows, 0, 2}, rank};
    tables.emplace_back(shard.rows());
    for (const uint64_t row : rows) {
      const uint64_t place = shard.map.place_of(row) - shard.map.begin(rank);
      if (place < shard.rows()) tables[rank].span()[place] = 1.0f;
    }
  }
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      SharedLookup lookup{.table_rows = kWideRows, .ids = DType::kId64};
      std::vector<ParameterMemory> memory{tables[rank].span()};
      Executor executor(decode(lookup.bytes()), memory, 1, {}, ranks[rank]);
      std::vector<float> out(size_t{kBatch} * kWidth);
      const float rate = 0x1p-10f;
      Request request{};
      request.columns = {{DType::kId64, ids.data(), ids.size(), 0, 1, nullptr, 0}};
      request.rows = request.count = request.batch = kBatch;
      request.scalars = std::span<const float>(&rate, 1);
      request.outputs = {std::span<float>(out)};
      executor.run(std::move(request));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < rows.size(); ++i) {
    const float count = float((kBatch - i + rows.size() - 1) / rows.size());
    const SlotMap map{kWideRows, 0, 2};
    const uint64_t place = map.place_of(rows[i]), owner = place < map.begin(1) ? 0 : 1;
    CHECK_EQ(map.row_at(place), rows[i]);
    CHECK_EQ(tables[owner].span()[place - map.begin(uint32_t(owner))], 1.0f - count * 0x1p-10f);
  }
}

// Ids follow from the data: they are sent while the step before is computed.
TEST(ranks_ask_for_the_rows_of_the_next_step) {
  std::vector<std::string> calls;
  std::shared_ptr<Communicator> ranks;
  ranks = std::make_shared<Forged>([&](uint32_t, char*, uint64_t) { calls.emplace_back(ranks->activity().name); });
  std::vector<float> table(size_t{kRows} * kWidth, 1.0f);  // all rows are in the slots of rank 0
  std::vector<ParameterMemory> memory{std::span<float>(table)};
  Executor executor(decode(SharedLookup().bytes()), memory, 1, {}, ranks);
  constexpr uint32_t kSteps = 3;
  std::vector<int32_t> ids(kSteps * kBatch);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = int32_t(i % (7 + i / kBatch));  // other rows in each step
  std::vector<float> out(ids.size() * kWidth);
  const std::vector<float> rates(kSteps, 0.5f);
  for (uint32_t run = 0; run < 2; ++run) {
    calls.clear();
    Request request{};
    request.columns = {{DType::kId, ids.data(), ids.size(), 0, 1, nullptr, 0}};
    request.rows = request.count = ids.size();
    request.batch = kBatch;
    request.scalars = rates;
    request.outputs = {std::span<float>(out)};
    executor.run(std::move(request));
    const std::vector<std::string> expected{"counts", "ids",  "rows",   "counts", "ids",  "sums", "batch",
                                            "rows",   "counts", "ids",  "sums",   "batch", "rows", "sums", "batch"};
    CHECK(calls == expected);
  }
}

// The first exchange goes on while tiles of the second stage run. All numbers are whole, so that sums are exact.
TEST(ranks_compute_while_they_exchange) {
  constexpr uint32_t kRanks = 2, kSteps = 20, kRowsOfAll = kSteps * kBatch;
  test::ProgramBuilder builder(kBatch, 4, 8);
  const Operand x = builder.batch({3}), twice = builder.batch({3});
  const Operand sums = builder.partial({3}), folded = builder.fixed({3});
  const Operand later_sums = builder.partial({3}), later_folded = builder.fixed({3});
  const double sum = double(Combine::kSum);
  builder.stage(StageKind::kTile);
  builder.input(x);
  builder.add(O::kSumRows, {x, sums});
  builder.stage(StageKind::kExchange);
  builder.add(O::kFoldAcross, {sums, folded}, {sum});
  builder.stage(StageKind::kTile);
  builder.add(O::kAdd, {x, x, twice});
  builder.add(O::kSumRows, {twice, later_sums});
  builder.stage(StageKind::kExchange);
  builder.add(O::kFoldAcross, {later_sums, later_folded}, {sum});
  builder.output(twice);
  builder.output(folded);
  builder.output(later_folded);
  std::vector<float> values(size_t{kRowsOfAll} * 3);
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(i % 11);
  const auto ranks = local_communicators(kRanks);
  std::vector<std::thread> threads;
  for (uint32_t rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&, rank] {
      std::vector<float> out(values.size()), first(kSteps * 3), second(kSteps * 3);
      Executor executor(decode(builder.bytes()), {}, 2, {}, ranks[rank]);
      Request request{};
      request.columns = {{DType::kFp32, values.data(), values.size(), 0, 3, nullptr, 0}};
      request.rows = request.count = kRowsOfAll;
      request.batch = kBatch;
      request.outputs = {std::span<float>(out), std::span<float>(first), std::span<float>(second)};
      executor.run(std::move(request));
      for (uint32_t step = 0; step < kSteps; ++step) {
        for (uint32_t column = 0; column < 3; ++column) {
          float expected = 0;
          for (uint32_t row = 0; row < kBatch; ++row) expected += values[(step * kBatch + row) * 3 + column];
          CHECK_EQ(first[step * 3 + column], expected);
          CHECK_EQ(second[step * 3 + column], 2 * expected);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Where exchanges overlap, also the last one, while what it does not bring is updated. The lane has a thread of its own.
TEST(ranks_update_while_they_exchange) {
  for (const bool divided : {false, true}) {
    test::ProgramBuilder builder(kBatch, 32, 2);
    const Operand x = builder.batch({3}), twice = builder.batch({3});
    const Operand sums = builder.partial({3}), folded = builder.fixed({3}), updated = builder.fixed({3});
    const Operand later_sums = builder.partial({3}), later_folded = builder.fixed({3}), later_updated = builder.fixed({3});
    builder.stage(StageKind::kTile);
    builder.input(x);
    builder.add(O::kSumRows, {x, sums});
    if (divided) {
      builder.stage(StageKind::kExchange);
      builder.add(O::kFoldAcross, {sums, folded}, {double(Combine::kSum)});
      builder.stage(StageKind::kTile);
    }
    builder.add(O::kAdd, {x, x, twice});
    builder.add(O::kSumRows, {twice, later_sums});
    builder.stage(StageKind::kExchange);
    if (!divided) builder.add(O::kFoldAcross, {sums, folded}, {double(Combine::kSum)});
    builder.add(O::kFoldAcross, {later_sums, later_folded}, {double(Combine::kSum)});
    builder.stage(StageKind::kFixed);
    builder.add(O::kAdd, {folded, folded, updated});
    builder.stage(StageKind::kFixed);
    builder.add(O::kAdd, {later_folded, later_folded, later_updated});
    builder.output(updated);
    builder.output(later_updated);
    std::vector<std::thread::id> callers;
    const auto ranks = std::make_shared<Forged>([&](uint32_t, char*, uint64_t) { callers.push_back(std::this_thread::get_id()); });
    Executor executor(decode(builder.bytes()), {}, 1, {}, ranks);
    std::vector<float> values(size_t{kBatch} * 3, 1.0f), first(3), second(3);
    Request request{};
    request.columns = {{DType::kFp32, values.data(), values.size(), 0, 3, nullptr, 0}};
    request.rows = request.count = request.batch = kBatch;
    request.outputs = {std::span<float>(first), std::span<float>(second)};
    executor.run(std::move(request));
    CHECK_EQ(callers.size(), divided ? size_t{4} : size_t{2});  // sums and dense
    for (const std::thread::id& caller : callers) CHECK_EQ(caller != std::this_thread::get_id(), divided);
  }
}

TEST(a_step_goes_on_after_one_that_was_refused) {
  uint32_t asked = kRows;  // this rank has no such row
  std::shared_ptr<Communicator> ranks;
  ranks = std::make_shared<Forged>([&](uint32_t, char* bytes, uint64_t size) {
    const std::string call = ranks->activity().name;
    const uint32_t counts[] = {1, 1};
    if (call == "counts") std::memcpy(bytes, counts, sizeof counts);
    if (call == "ids" && size >= sizeof asked) std::memcpy(bytes, &asked, sizeof asked);
  });
  std::vector<float> table(size_t{kRows} * kWidth, 1.0f);
  std::vector<ParameterMemory> memory{std::span<float>(table)};
  Executor executor(decode(SharedLookup().bytes()), memory, 1, {}, ranks);
  std::vector<int32_t> ids(kBatch, 7);
  std::vector<float> out(size_t{kBatch} * kWidth);
  const float rate = 0.5f;
  const auto run = [&]() -> std::string {
    Request request{};
    request.columns = {{DType::kId, ids.data(), ids.size(), 0, 1, nullptr, 0}};
    request.rows = request.count = request.batch = kBatch;
    request.scalars = std::span<const float>(&rate, 1);
    request.outputs = {std::span<float>(out)};
    try {
      executor.run(std::move(request));
    } catch (const Error& error) {
      return error.report().what;
    }
    return "nothing";
  };
  CHECK_EQ(run(), "a rank asked for rows that this rank does not have");
  asked = 3;
  CHECK_EQ(run(), "nothing");
}

TEST(what_other_ranks_ask_for_is_checked) {
  CHECK_EQ(run_with(1, 1, 3).error, "nothing");
  for (const auto& [rows, sums, id] :
       {std::array<uint32_t, 3>{1, 1, kRows}, {1, 1, 0xffffffff}, {1, 0, 3}, {1, 2, 3}}) {
    const Run run = run_with(rows, sums, id);
    CHECK_EQ(run.error, "a rank asked for rows that this rank does not have");
    CHECK(run.table == std::vector<float>(size_t{kRows} * kWidth, 1.0f));
  }
}

TEST(what_other_ranks_ask_for_is_checked_by_unequal_shares) {
  CHECK_EQ(run_with(1, 1, 8, false, {0, 9}).error, "nothing");
  CHECK_EQ(run_with(1, 1, 9, false, {0, 9}).error, "a rank asked for rows that this rank does not have");
  CHECK_EQ(run_with(1, 1, 0, false, {0, 0}).error, "a rank asked for rows that this rank does not have");
}

TEST(ranks_without_samples_ask_for_nothing) {
  constexpr uint32_t kOne = 1;  // sample, of rank 1
  CHECK_EQ(run_with(0, 0, 0, false, {0, 7}, kOne, 1).error, "nothing");
  CHECK_EQ(run_with(1, 1, 3, false, {0, 7}, kOne, 1).error, "a rank asked for rows that this rank does not have");
}

TEST(what_other_ranks_tell_of_copies_is_checked) {
  CHECK_EQ(run_with(1, 1, 3, true).error, "nothing");
  for (const auto& [rows, sums, id] : {std::array<uint32_t, 3>{1, 1, kRows}, {1, 2, 3}, {1 << 22, 0, 3}}) {
    const Run run = run_with(rows, sums, id, true);
    CHECK_EQ(run.error, "a rank asked for rows that this rank does not have");
    CHECK(run.table == std::vector<float>(size_t{kRows} * kWidth, 1.0f));
  }
}

}  // namespace pairloom
