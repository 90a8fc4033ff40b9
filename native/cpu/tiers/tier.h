// A table that memory does not hold as a whole: some of its rows are in frames of memory, the others in a file. A row's
// weights and optimizer states move together. What training computes does not depend on where rows are.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cpu/tables/fill.h"
#include "cpu/tables/format.h"
#include "cpu/tiers/frames.h"
#include "cpu/tiers/record_store.h"
#include "program/program.h"
#include "runtime/slot_map.h"
#include "runtime/translation.h"

namespace pairloom {

// A part of each row: the weights of a table, or a state of its optimizer.
struct TierColumn {
  DType dtype;
  ColumnRange columns;  // of the rows of the part

  size_t row_bytes() const { return columns.size() * bytes_of(dtype); }
};

struct TierSpec {
  std::string directory;  // for the file
  uint64_t rows;
  uint64_t memory;  // bytes, of everything that the tier allocates
  std::vector<TierColumn> columns;
  bool keyed = false;  // the rows belong to the keys of a dynamic table, but for row 0
  std::optional<Shard> shard = std::nullopt;  // the rows are those that a rank has of a table of fixed size

  bool named() const { return keyed || shard; }  // rows have other names than their numbers
};

class Tier : public RowFrames {
 public:
  // Throws Error if the memory is too small, or the directory cannot be written to.
  explicit Tier(TierSpec spec);
  ~Tier() override;

  // As training and evaluation see the rows. One thread at a time; see RowFrames.
  const RowNames* names() const override { return &frames_.names(); }
  void place(std::span<uint64_t> rows, bool trains) override;
  void prefetch(uint32_t ahead, std::function<void(std::vector<uint64_t>&)> rows) override;
  void wait() override;

  // The numbers of a column, all rows one after the other: [from, from + count). Rows that training has not met have
  // the initial values of the column, which `fill` sets. All throw Error when the disk fails.
  void read(size_t column, uint64_t from, uint64_t count, void* into);
  void write(size_t column, uint64_t from, uint64_t count, const void* values);
  // Bytes [skipped, skipped + bytes) of a row.
  struct Part {
    uint64_t row;
    size_t skipped, bytes;
    char* bytes_of_caller;
  };
  // Copies many of them at once. Those that follow each other in the file are read together.
  void gather(size_t column, std::span<const Part> parts);
  // Copies them from the caller. Throws Error unless their rows ascend.
  void scatter(size_t column, std::span<const Part> parts);
  // Of a dynamic table: rows have other names than their numbers.
  void name_rows(const RowNames& names);
  // The initial values of rows that do not exist yet.
  void initialize_with(size_t column, const Fill& init) { columns_[column].init = init; }
  // A row gets another key, so that it has initial values again. `save` keeps what it has, in saved_bytes() bytes, and
  // `restore` gives it back before the next step.
  void forget(uint64_t row);
  size_t saved_bytes() const { return std::max(record_bytes_, sizeof(uint64_t)) + 1; }
  void save(uint64_t row, char* to);
  void restore(uint64_t row, const char* from);
  // The key of a row gets another one, and rows from `first` on have none any more.
  void move(uint64_t from, uint64_t to);
  void release(uint64_t first);
  // The rows that may have other values than the initial ones, ascending.
  std::vector<uint64_t> touched();
  void fill(size_t column, const Fill& init);

  const TierSpec& spec() const { return spec_; }
  uint32_t step() const { return step_; }  // changes whenever rows are placed
  // Frame f of a column has its numbers at f * row_bytes.
  void* memory_of(size_t column) { return columns_[column].data.data(); }
  size_t frames() const { return frames_.size(); }
  // A byte for each row, which becomes 0xff when training may have changed the row. Null: not wanted.
  void record_changes(size_t column, uint8_t* changed) { columns_[column].changed = changed; }

  struct Statistics {
    uint64_t frames, lookups, hits;  // rows of steps, each once, and those that were in a frame
    uint64_t prefetched;             // of the others, those that were brought before their step
    uint64_t record_bytes;
    RecordFile::Traffic disk;
  };
  Statistics statistics();

 private:
  struct Column {
    TierColumn shape;
    size_t offset;  // in a record
    Block<char> data;
    Fill init{FillKind::kConstant, 0, 0, 0, 0};
    uint8_t* changed = nullptr;
  };
  enum class Saved : char { kNothing, kBytes, kInFile };
  struct Load {
    uint32_t frame;
    bool in_file;   // otherwise the row has its initial values
    uint64_t slot;
  };
  struct Loading {
    uint32_t step;  // that the rows are for
    std::vector<Load> loads;
    IoBatch batch;
  };

  uint64_t name_of(uint64_t row) const { return outer_ == nullptr ? row : outer_->key_of(row); }
  void mark_changed(uint64_t row) const;
  void send(uint64_t row, const char* record);
  // The row is neither in a frame nor in the file any more.
  void drop(uint64_t row);
  char* at(const Column& column, uint32_t frame) const { return column.data.data() + frame * column.shape.row_bytes(); }

  // Brings rows into frames, for a step; false if there are not enough. `found`: frame + 1 of each row.
  bool bring(std::span<const uint64_t> rows, std::span<uint64_t> found, uint32_t step);
  void use(uint32_t frame, uint32_t step);
  bool take_frame(uint32_t& frame);
  void evict(uint32_t frame);
  void assign(uint32_t frame, uint64_t row, uint32_t step, std::vector<Load>& loads);
  void start(std::vector<Load> loads, uint32_t step);
  void load(const Load& load);
  // Waits for the rows of steps up to this one.
  void finish_loads(uint32_t last = ~uint32_t{0});
  void settle();

  void pack(uint32_t frame, char* record);
  void unpack(const char* record, uint32_t frame);
  void initialize(const Column& column, uint64_t name, char* to) const;
  // Calls use(parts) for parts of whole or incomplete rows that together are a range of numbers, many at a time.
  template <class Use>
  void each_parts(const Column& column, uint64_t from, uint64_t count, char* values, const Use& use);
  void read_pieces(std::vector<RecordFile::Piece>& pieces);
  // A frame + 1 for a row that does not exist yet, while frames are empty; otherwise 0.
  uint32_t claim(uint64_t row);
  template <class Adds>
  std::vector<uint64_t> with_frames(const Adds& adds);
  void scatter_to_file(const Column& column, std::span<const Part> parts);
  [[noreturn]] void refuse(std::span<const uint64_t> rows) const;

  const TierSpec spec_;
  size_t record_bytes_ = 0, places_ = 0;  // of the store
  bool moving_;  // records are written to other slots each time
  Frames frames_;
  std::vector<Column> columns_;
  const std::optional<RowNames> of_shard_;
  const RowNames* outer_;  // of the rows; null: they are their own names
  uint32_t step_ = 0;
  bool touched_ = false;  // some row may have other values than the initial ones
  uint64_t lookups_ = 0, hits_ = 0, prefetched_ = 0;
  RecordFile file_;
  RecordStore store_;
  std::vector<Loading> loading_;
  std::vector<IoBatch> prefetching_;
  IoThreads readers_, prefetcher_;
};

}  // namespace pairloom
