// Operand and attribute rules as text, one word each, so that an operation's rule reads like its line in the format.
//
// Operands: a kind, [dims] and marks. `->` comes before the outputs.
//   row[n]     f32 row operand (tile or batch space)        batch[n]   f32 row operand in the batch space
//   ids, bag   row operand of that dtype                    samples    ids or bag, in the batch space
//   param[n]   f32 parameter; with `!` it is also written   partial[n] one copy a group
//   table[R,D] parameter of f32 or 16-bit numbers; `!` as for param
//   fixed[n]   f32 that is no row: parameter, scalar, fixed (as an output: fixed only)
//   number     fixed[1]                                     any[n]     row or fixed
//   loaded     row operand of any dtype
// Dims: one letter is the product of all dims; several name each dim; `~n` is lines of n: any dims, the last n, and of
// one size in all `~` operands. Equal letters are equal sizes; `*` any size.
// Marks: `?` present if the attribute hasBias, hasFactor or hasSlope is 1; `...` one or more. Two words marked `...` share the
// operands alike. `(a b)...`, after which only outputs may come, repeats the two words in turn.
//
// Attributes:
//   fn 0-8 · flag, pooling 0-1 · hasBias, hasFactor, hasSlope 0-1 · kind 0-2 · input index of an input · stream u32 ·
//   rate, decay in [0, 1) · real finite · limit finite, at least 0 · value anything · poolings one pooling for each `samples`
#pragma once

#include "program/program.h"

namespace pairloom {

struct Access {
  bool read = false, written = false;
};

// How the instruction uses each of its operands. Throws Error (where: `where`) if they break the rule.
std::vector<Access> match_operands(const Program& program, const Instruction& instruction, const char* rule,
                                   const char* attribute_rule, const std::string& where);
void match_attributes(const Program& program, const Instruction& instruction, const char* rule,
                      const std::string& where);

}  // namespace pairloom
