// What counts as a right answer. Generous to wording, strict about the thing asked for.
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/json.h"

namespace fathom::eval {

enum class Case { sensitive, ignored };

// Does the word (or several, or a number) stand in the text as a whole? Letters, digits and hyphens before or
// behind make it part of a longer one: "12" is not in "112", "ABC-12" not in "ABC-123". A sign or a full stop
// does no harm.
bool contains_whole(std::string_view text, std::string_view word, Case letters = Case::sensitive);

// The whole numbers of a text in their order; thousands separators ("1,234") and what follows a decimal point
// are dropped.
std::vector<std::int64_t> numbers_in(std::string_view text);

// Is `result` what the answer to a calculation comes to? That is its last number that the question does not
// contain; when it contains none but those of the question, one of them may be meant.
bool gives_result(std::string_view answer, std::string_view question, std::int64_t result);

// The items of a list as people write them: one a line (numbered or with a dash or star), or divided by
// commas and "and". An introduction that ends with a colon, numbering, emphasis and full stops are dropped;
// letters come out small.
std::vector<std::string> items_in(std::string_view text);

// Is the answer a list of exactly `count` different items, each one of `of` (small letters, singular; an item
// may be a plural or have an article)? With an empty `of` any items do.
bool is_list_of(std::string_view answer, std::size_t count, std::span<const std::string> of);

// Do the words stand in the text in this order? Letter case does not matter.
bool contains_in_order(std::string_view text, std::span<const std::string> words);

// Equal as JSON values: members in any order, numbers by value.
bool same_json(const text::Json& a, const text::Json& b);

}  // namespace fathom::eval
