#include "cpu/exchange/ask_ahead.h"

#include <algorithm>

#include "cpu/exchange/exchangers.h"

namespace pairloom {

void AskAhead::add(RowRoute& route, std::span<const View> ids, const std::vector<uint32_t>& inputs) {
  std::vector<View>& own = ids_.emplace_back();
  for (size_t i = 0; i < ids.size(); ++i) {
    auto found = inputs_.find(inputs[i]);
    if (found == inputs_.end()) {
      View view = ids[i];
      memory_.emplace_back(size_t{program_.max_batch} * ids_width(view.dtype));
      view.base = memory_.back().data();
      found = inputs_.emplace(inputs[i], view).first;
    }
    own.push_back(found->second);
  }
  stage_.add(ask_ahead(route));
}

ExchangeStage& AskAhead::begin(const Communicator& ranks, Pool& pool, std::vector<Worker>& workers, StepContext step,
                               std::exception_ptr failure) {
  step_ = std::move(step);
  load(pool, workers);
  pool.run(uint32_t(routes_.size()), [&](uint32_t route, uint32_t) { routes_[route].next().list(ids_[route], step_); });
  stage_.begin(ranks, pool, step_, std::move(failure));
  return stage_;
}

// An invalid id is replaced, and found again in its own step.
void AskAhead::load(Pool& pool, std::vector<Worker>& workers) {
  loader_.begin_step(step_);
  const uint32_t begin = step_.own_begin(), end = step_.own_end(), rows = step_.tile_rows;
  pool.run((end - begin + rows - 1) / rows, [&](uint32_t job, uint32_t thread) {
    Worker& worker = workers[thread];
    Tile tile{.step = step_,
              .kernels = *step_.kernels,
              .worker = worker,
              .memory = nullptr,
              .partials = nullptr,
              .first = begin + job * rows,
              .rows = std::min(rows, end - begin - job * rows),
              .seen = 0};
    loader_.locate(step_.first_position + tile.first, tile.rows, worker.source_rows.data());
    for (const auto& [input, view] : inputs_) loader_.load(input, view, tile);
  });
}

}  // namespace pairloom
