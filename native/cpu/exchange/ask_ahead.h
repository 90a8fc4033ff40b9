// What ranks ask of each other for the next step, while this one is computed: ids are known from the data.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cpu/bound.h"
#include "cpu/exchange/exchange_stage.h"
#include "cpu/exchange/row_route.h"
#include "cpu/loader.h"

namespace pairloom {

class AskAhead {
 public:
  AskAhead(const Program& program, std::deque<RowRoute>& routes) : program_(program), loader_(program), routes_(routes) {}

  // The columns of a route: operands that an input has just loaded. Call once for each route, in order.
  void add(RowRoute& route, std::span<const View> ids, const std::vector<uint32_t>& inputs);

  // As those of Loader.
  void bind(std::vector<Column> columns, uint64_t rows, std::optional<Permutation> order) {
    loader_.bind(std::move(columns), rows, order);
  }
  // Lists the rows of a step, which has begun once this returns: the stage must be ended before the step.
  ExchangeStage& begin(const Communicator& ranks, Pool& pool, std::vector<Worker>& workers, StepContext step,
                       std::exception_ptr failure);

 private:
  void load(Pool& pool, std::vector<Worker>& workers);

  const Program& program_;
  Loader loader_;
  std::deque<RowRoute>& routes_;
  std::map<uint32_t, View> inputs_;         // with memory of their own
  std::vector<std::vector<View>> ids_;          // by route
  std::deque<Arena> memory_;
  ExchangeStage stage_;
  StepContext step_{};
};

}  // namespace pairloom
