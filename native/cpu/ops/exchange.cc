// What ranks exchange within a step.
#include "cpu/exchange/exchangers.h"
#include "cpu/operation.h"

namespace pairloom::exchange_ops {

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kFetchRows, .exchange = fetch_rows},
    {.opcode = Opcode::kTellRows, .exchange = tell_rows},
    {.opcode = Opcode::kReturnRows, .exchange = return_rows},
    {.opcode = Opcode::kFoldRows, .exchange = fold_rows},
    {.opcode = Opcode::kFoldAcross, .exchange = fold_across},
    {.opcode = Opcode::kGatherSlots, .exchange = gather_slots},
    {.opcode = Opcode::kGatherRows, .exchange = gather_rows},
};

}  // namespace pairloom::exchange_ops
