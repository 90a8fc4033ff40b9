// Operand and attribute rules as text, one word each, so that an operation's rule reads like its line in the format.
//
// Operands: name:kind[dims] and marks; the name is omitted if it equals the kind. `->` precedes the outputs.
//   row[n]     fp32 row operand (tile or batch space)       batch[n]   fp32 row operand in the batch space
//   ids, bag   row operand of that dtype                    samples    ids or bag, in the batch space
//   param[n]   fp32 parameter; with `!` it is also written  partial[n] one copy per group
//   table[R,D] parameter of fp32 or 16-bit numbers; `!` as for param
//   fixed[n]   fp32 that is not a row: parameter, scalar, fixed (as an output: fixed only)
//   weight[n]  like fixed; a device may read a copy in its own layout, made before the stage
//   number     fixed[1]                                     any[n]     row or fixed
//   loaded     row operand of any dtype                     share      row operand in the batch space, but no bags
//   occurring, gradient   samples and batch, or what returnRows gives: owned, sums
//   fetched    rows of a table, in the exchange space
//   entry[n]   fp32 line per entry of a sequence (tile space, or as entries[n]: of the batch or of a tile's rows)
//   terms      batch or entries; so may a gradient be
// Dims: one letter is the product of all dims; several letters name each dim; `~n` is lines of n: any dims, of which
// the last is n, and the same total size in all `~` operands. Equal letters are equal sizes; `*` is any size; a number
// is that size.
// Marks: `?` present if the attribute hasBias, hasFactor or hasSlope is 1; `...` one or more. Two words marked `...`
// have the same number of operands. `(a b)...` repeats the two words in turn; only outputs may follow.
//
// Attributes: name:type, where the name is omitted if it equals the type.
//   fn 0-10 · flag, pooling 0-1 · hasBias, hasFactor, hasSlope 0-1 · kind 0-2 · input index of an input ·
//   translation index of a translation · stream u32 · count a whole number ·
//   rate, decay in [0, 1) · real finite · limit finite, at least 0 · value anything ·
//   poolings one pooling for each `samples`; 0 for ids · counts any number of counts
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
  std::vector<OperandRule> words, pair, last;  // `pair` repeats in turn between the other two
};
OperandRules parse_operands(const char* rule);

struct AttributeRule {
  std::string name, type;
};
std::vector<AttributeRule> parse_attributes(const char* rule);

struct Access {
  bool read = false, written = false;
  bool copied = false;  // read from a copy that a device may make before the stage
};

// How the instruction uses each operand. Throws Error (where: `where`) if they break the rule.
std::vector<Access> match_operands(const Program& program, const Instruction& instruction, const Rule& rule,
                                   const std::string& where);
// Throws Error if the attributes, some of which `match_operands` reads, break the rule.
void match_attributes(const Program& program, const Instruction& instruction, const Rule& rule,
                      const std::string& where);

}  // namespace pairloom
