// Operand and attribute rules as text, one word each, so that an operation's rule reads like its line in the format.
//
// Operands: name:kind[dims] and marks; the name is left out where it is the kind. `->` comes before the outputs.
//   row[n]     f32 row operand (tile or batch space)        batch[n]   f32 row operand in the batch space
//   ids, bag   row operand of that dtype                    samples    ids or bag, in the batch space
//   param[n]   f32 parameter; with `!` it is also written   partial[n] one copy a group
//   table[R,D] parameter of f32 or 16-bit numbers; `!` as for param
//   fixed[n]   f32 that is no row: parameter, scalar, fixed (as an output: fixed only)
//   weight[n]  as fixed; a device may read a copy in a layout of its own, made before the stage
//   number     fixed[1]                                     any[n]     row or fixed
//   loaded     row operand of any dtype
// Dims: one letter is the product of all dims; several name each dim; `~n` is lines of n: any dims, the last n, and of
// one size in all `~` operands. Equal letters are equal sizes; `*` any size; a number that size.
// Marks: `?` present if the attribute hasBias, hasFactor or hasSlope is 1; `...` one or more. Two words marked `...` share
// the operands alike. `(a b)...`, after which only outputs may come, repeats the two words in turn.
//
// Attributes: name:type, likewise.
//   fn 0-8 · flag, pooling 0-1 · hasBias, hasFactor, hasSlope 0-1 · kind 0-2 · input index of an input ·
//   translation index of a translation · stream u32 ·
//   rate, decay in [0, 1) · real finite · limit finite, at least 0 · value anything ·
//   poolings one pooling for each `samples`; 0 for ids
#pragma once

#include <string>
#include <vector>

#include "program/program.h"
#include "program/rule.h"

namespace pairloom {

struct OperandRule {
  std::string name, kind;
  std::vector<std::string> dims;
  bool written = false, output = false, optional = false, repeated = false;
};

struct OperandRules {
  std::vector<OperandRule> words, pair, last;  // `pair` repeats in turn between the two others
};
OperandRules parse_operands(const char* rule);

struct AttributeRule {
  std::string name, type;
};
std::vector<AttributeRule> parse_attributes(const char* rule);

struct Access {
  bool read = false, written = false;
  bool copied = false;  // read from a copy that a device may have made before the stage
};

// How the instruction uses each of its operands. Throws Error (where: `where`) if they break the rule.
std::vector<Access> match_operands(const Program& program, const Instruction& instruction, const Rule& rule,
                                   const std::string& where);
// Throws Error if the attributes, of which `match_operands` reads some, break the rule.
void match_attributes(const Program& program, const Instruction& instruction, const Rule& rule,
                      const std::string& where);

}  // namespace pairloom
