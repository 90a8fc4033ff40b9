#include "cpu/translator.h"

#include <algorithm>
#include <utility>

#include "cpu/exchange/exchangers.h"
#include "cpu/exchange/row_route.h"
#include "program/error.h"

namespace pairloom {
namespace {

constexpr uint32_t kStepsAhead = 4;  // whose rows are read while a step is computed

template <class Id>
void append(std::vector<uint64_t>& to, const Id* ids, size_t count) {
  for (size_t i = 0; i < count; ++i) to.push_back(uint64_t(ids[i]));
}

// The ids in one row of a column of ids or bags.
void append_ids(std::vector<uint64_t>& to, const View& view, uint32_t row) {
  switch (view.dtype) {
    case DType::kId: return append(to, reinterpret_cast<const int32_t*>(view.base) + row, 1);
    case DType::kId64: return append(to, reinterpret_cast<const int64_t*>(view.base) + row, 1);
    case DType::kBag: return append(to, bags_of(view)[row].ids<int32_t>(), bags_of(view)[row].count);
    case DType::kBag64: return append(to, bags_of(view)[row].ids<int64_t>(), bags_of(view)[row].count);
    default: return;
  }
}

// A bag with the same weights whose ids are the rows at `rows`, stored in `storage`.
template <class Id>
Bag bag_of_rows(const Bag& ids, const uint64_t* rows, std::vector<Id>& storage) {
  const size_t first = storage.size();
  for (uint32_t i = 0; i < ids.count; ++i) storage.push_back(Id(rows[i]));
  return {storage.data() + first, ids.weights, ids.count, 0};
}

}  // namespace

Translator::Translator(std::shared_ptr<Translation> translation, const TranslationSlot& slot)
    : translation_(std::move(translation)), frames_(translation_->frames()), name_(slot.name) {
  if (translation_->rows() == slot.rows) return;
  throw Error({"a translation is of another table", "translation " + name_,
               std::to_string(translation_->rows()) + " rows", std::to_string(slot.rows), ""});
}

void Translator::bind(const Instruction& instruction, std::vector<uint32_t> inputs, uint32_t ranks) {
  inputs_ = std::move(inputs);
  admits_ = instruction.attributes[1] == 1;
  reads_batch_ = admits_ && ranks > 1 && row_names() != nullptr;
  if (reads_batch_ && inputs_.empty()) {
    throw Error({"ranks cannot share a dynamic table whose keys are computed", "translation " + name_, "", "", ""});
  }
  shared_ = ranks > 1;
}

void Translator::begin_step(uint64_t step) {
  began_ = false;
  step_ = step;
  outdated_.clear();
  lists_outdated_ = admits_ && translation_->lists_outdated(step);
  if (lists_outdated_ && !divided_) named([this] { outdated_ = translation_->outdated(); });
}

std::unique_ptr<Exchanger> Translator::pass_outdated() {
  return divided_ ? pass_squares(*translation_, *divided_, outdated_) : nullptr;
}

void Translator::read(const BoundInstruction& instruction, const StepContext& step, uint32_t parts) {
  if (frames_ != nullptr) frames_->wait();
  parts_ = parts;
  failures_.assign(parts + size_t{1}, nullptr);
  ids_.clear();
  own_ = 0;
  if (reads_batch_) read_batch(step);
  else read_rows(instruction, step);
  rows_.resize(ids_.size());
  if (!admits_) return;
  began_ = true;
  guarded(parts_, [&] { translation_->begin_step(step_, outdated_); });
}

void Translator::read_rows(const BoundInstruction& instruction, const StepContext& step) {
  const size_t columns = instruction.views.size() / 2;
  for (uint32_t row = step.own_begin(); row < step.own_end(); ++row) {
    for (size_t column = 0; column < columns; ++column) append_ids(ids_, instruction.views[column], row);
  }
}

// Every rank has the data, so that ids need not travel.
void Translator::read_batch(const StepContext& step) {
  step.loader->append_rows(inputs_, step.first_position, step.own_begin(), ids_);
  own_ = ids_.size();
  step.loader->append_rows(inputs_, step.first_position + step.own_begin(), step.rows - step.own_begin(), ids_);
}

void Translator::look_up(uint32_t part) {
  const size_t begin = part_begin(ids_.size(), part, parts_), end = part_begin(ids_.size(), part + 1, parts_);
  const std::span<const uint64_t> ids(ids_);
  guarded(part, [&] {
    translation_->translate(ids.subspan(begin, end - begin), std::span(rows_).subspan(begin, end - begin));
  });
}

void Translator::run(const BoundInstruction& instruction, const StepContext& step) {
  const bool failed = std::any_of(failures_.begin(), failures_.end(), [](const auto& failure) { return failure; });
  if (failed) return;
  guarded(parts_, [&] {
    if (admits_) translation_->admit(ids_, rows_, step.step);
    check_rows();
    if (frames_ != nullptr && !shared_) {
      frames_->place(rows_, admits_);
      prefetch(step, nullptr);
    }
    write(instruction.views, instruction.views.size() / 2, step);
  });
}

template <class Work>
void Translator::named(const Work& work) const {
  try {
    work();
  } catch (const Error& error) {
    Report report = error.report();
    report.where = "translation " + name_ + ", step " + std::to_string(step_) + (report.where.empty() ? "" : ", " + report.where);
    throw Error(std::move(report));
  }
}

template <class Work>
void Translator::guarded(size_t part, const Work& work) {
  try {
    named(work);
  } catch (...) {
    failures_[part] = std::current_exception();
  }
}

void Translator::check_rows() const {
  for (const uint64_t row : rows_) {
    if (row < translation_->rows()) continue;
    throw Error({"a translation gave a row beyond its table", "", "row " + std::to_string(row),
                 "below " + std::to_string(translation_->rows()), ""});
  }
}

void Translator::place_asked(std::span<RowRoute* const> routes, const StepContext& step) {
  named([&] {
    rows_.clear();
    for (RowRoute* route : routes) {
      for (const RowList::Asked& asked : route->now().asked()) rows_.insert(rows_.end(), asked.rows.begin(), asked.rows.end());
    }
    frames_->place(rows_, admits_);
    auto frame = rows_.begin();
    for (RowRoute* route : routes) {
      for (RowList::Asked& asked : route->now().asked()) {
        std::copy_n(frame, asked.rows.size(), asked.rows.begin());
        frame += ptrdiff_t(asked.rows.size());
      }
    }
    prefetch(step, routes.front());
  });
}

// The rows of the next steps are brought while this one is computed. Their new ids have none yet. Every rank has the
// data of all.
void Translator::prefetch(const StepContext& step, const RowRoute* of) {
  if (inputs_.empty()) return;
  ahead_ = ahead_ > 0 ? ahead_ - 1 : 0;
  for (uint64_t skipped = ahead_ * uint64_t{step.rows}; ahead_ < kStepsAhead && skipped < step.rows_left; skipped += step.rows) {
    const uint64_t position = step.first_position + step.rows + skipped;
    const uint32_t count = uint32_t(std::min<uint64_t>(step.rows, step.rows_left - skipped));
    frames_->prefetch(++ahead_, [this, position, count, of, loader = step.loader](std::vector<uint64_t>& rows) {
      loader->append_rows_ahead(inputs_, position, count, rows);
      translation_->translate(rows, rows);
      if (of != nullptr) of->keep_own(rows);
    });
  }
}

void Translator::end_run() {
  ahead_ = 0;
  if (frames_ != nullptr) frames_->wait();
}

void Translator::write(const std::vector<View>& views, size_t columns, const StepContext& step) {
  const uint32_t begin = step.own_begin(), end = step.own_end();
  bags_.resize(columns);
  for (size_t column = 0; column < columns; ++column) {
    if (!is_bag(views[column].dtype)) continue;
    const size_t count = count_ids(views[column], begin, end);  // reserved so that no bag's rows move while others are added
    bags_[column].narrow.clear();
    bags_[column].wide.clear();
    if (is_wide(views[columns + column].dtype)) bags_[column].wide.reserve(count);
    else bags_[column].narrow.reserve(count);
  }
  const uint64_t* next = rows_.data() + own_;
  for (uint32_t row = begin; row < end; ++row) {
    for (size_t column = 0; column < columns; ++column) {
      const View& out = views[columns + column];
      const bool wide = is_wide(out.dtype);
      if (!is_bag(out.dtype)) {
        if (wide) reinterpret_cast<int64_t*>(out.base)[row] = int64_t(*next++);
        else reinterpret_cast<int32_t*>(out.base)[row] = int32_t(*next++);
        continue;
      }
      const Bag& ids = bags_of(views[column])[row];
      reinterpret_cast<Bag*>(out.base)[row] =
          wide ? bag_of_rows(ids, next, bags_[column].wide) : bag_of_rows(ids, next, bags_[column].narrow);
      next += ids.count;
    }
  }
}

void Translator::check() {
  for (const std::exception_ptr& failure : failures_) {
    if (failure) std::rethrow_exception(failure);
  }
}

void Translator::revert() {
  if (began_) translation_->revert();
  began_ = false;
  failures_.clear();
}

}  // namespace pairloom
