#include "cli/eval/scoring.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace fathom::eval {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
// Bytes above ASCII belong to letters.
bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80;
}
char small(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

std::string in_small_letters(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), small);
  return result;
}

// Does the text go on before position `begin`, or from `end` on, as the same word?
bool goes_on_before(std::string_view text, std::size_t begin) {
  if (begin == 0) return false;
  if (is_word(text[begin - 1])) return true;
  return text[begin - 1] == '-' && begin > 1 && is_word(text[begin - 2]);
}
bool goes_on_behind(std::string_view text, std::size_t end) {
  if (end == text.size()) return false;
  if (is_word(text[end])) return true;
  return text[end] == '-' && end + 1 < text.size() && is_word(text[end + 1]);
}

std::size_t find_whole(std::string_view text, std::string_view word, std::size_t from) {
  for (std::size_t at = text.find(word, from); at != std::string_view::npos; at = text.find(word, at + 1)) {
    if (!goes_on_before(text, at) && !goes_on_behind(text, at + word.size())) return at;
  }
  return std::string_view::npos;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + separator.size());
  }
}

// Without numbering, bullets, emphasis, quotes and punctuation at both ends.
std::string bare_item(std::string_view line) {
  const auto is_noise = [](char c) { return !is_word(c); };
  while (!line.empty() && is_noise(line.front())) line.remove_prefix(1);
  std::size_t digits = 0;
  while (digits < line.size() && is_digit(line[digits])) ++digits;
  if (digits > 0 && digits < line.size() && (line[digits] == '.' || line[digits] == ')'))
    line.remove_prefix(digits);
  while (!line.empty() && is_noise(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_noise(line.back())) line.remove_suffix(1);
  std::string item = in_small_letters(line);
  for (const std::string_view start : {"and ", "a ", "an ", "the "})
    if (item.starts_with(start)) item.erase(0, start.size());
  return item;
}

bool is_one_of(const std::string& item, std::span<const std::string> of) {
  const auto is_form_of = [&](const std::string& word) {
    if (item == word || item == word + "s" || item == word + "es") return true;
    return word.ends_with('y') && item == word.substr(0, word.size() - 1) + "ies";
  };
  return std::any_of(of.begin(), of.end(), is_form_of);
}

}  // namespace

bool contains_whole(std::string_view text, std::string_view word, Case letters) {
  if (letters == Case::sensitive) return find_whole(text, word, 0) != std::string_view::npos;
  return find_whole(in_small_letters(text), in_small_letters(word), 0) != std::string_view::npos;
}

std::vector<std::int64_t> numbers_in(std::string_view text) {
  constexpr std::size_t kMostDigits = 18;  // all of them fit
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 0; i < text.size();) {
    if (!is_digit(text[i])) {
      ++i;
      continue;
    }
    // A minus, and not a hyphen or the sign between two numbers: "-5", but neither "B-5" nor "7-5".
    const bool is_negative = i > 0 && text[i - 1] == '-' && (i == 1 || !is_word(text[i - 2]));
    std::string digits;
    const auto group_follows = [&] {  // ",234" and no further digit
      if (i + 3 >= text.size() || text[i] != ',') return false;
      return is_digit(text[i + 1]) && is_digit(text[i + 2]) && is_digit(text[i + 3]) &&
             (i + 4 == text.size() || !is_digit(text[i + 4]));
    };
    for (; i < text.size() && (is_digit(text[i]) || group_follows()); ++i)
      if (text[i] != ',') digits += text[i];
    if (i + 1 < text.size() && text[i] == '.' && is_digit(text[i + 1]))
      for (++i; i < text.size() && is_digit(text[i]);) ++i;
    if (digits.size() <= kMostDigits) numbers.push_back((is_negative ? -1 : 1) * std::stoll(digits));
  }
  return numbers;
}

bool gives_result(std::string_view answer, std::string_view question, std::int64_t result) {
  const auto has = [](const std::vector<std::int64_t>& numbers, std::int64_t number) {
    return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
  };
  const std::vector<std::int64_t> given = numbers_in(question), said = numbers_in(answer);
  const auto last_new =
      std::find_if(said.rbegin(), said.rend(), [&](std::int64_t number) { return !has(given, number); });
  return last_new != said.rend() ? *last_new == result : has(said, result);
}

std::vector<std::string> items_in(std::string_view text) {
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos)
    text.remove_prefix(colon + 1);
  std::vector<std::string_view> parts;
  for (const std::string_view line : split(text, "\n"))
    if (!bare_item(line).empty()) parts.push_back(line);
  if (parts.size() == 1) {
    const std::string_view line = parts[0];
    parts.clear();
    for (const std::string_view part : split(line, ","))
      for (const std::string_view item : split(part, " and ")) parts.push_back(item);
  }
  std::vector<std::string> items;
  for (const std::string_view part : parts)
    if (std::string item = bare_item(part); !item.empty()) items.push_back(std::move(item));
  return items;
}

bool is_list_of(std::string_view answer, std::size_t count, std::span<const std::string> of) {
  const std::vector<std::string> items = items_in(answer);
  const std::set<std::string> different(items.begin(), items.end());
  if (items.size() != count || different.size() != count) return false;
  return of.empty() ||
         std::all_of(items.begin(), items.end(), [&](const auto& item) { return is_one_of(item, of); });
}

bool contains_in_order(std::string_view text, std::span<const std::string> words) {
  const std::string in = in_small_letters(text);
  std::size_t from = 0;
  for (const std::string& word : words) {
    const std::size_t at = find_whole(in, in_small_letters(word), from);
    if (at == std::string::npos) return false;
    from = at + word.size();
  }
  return true;
}

bool same_json(const text::Json& a, const text::Json& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case text::Json::Kind::null:
      return true;
    case text::Json::Kind::boolean:
      return a.boolean == b.boolean;
    case text::Json::Kind::string:
      return a.text == b.text;
    case text::Json::Kind::number:
      return a.number() == b.number();
    case text::Json::Kind::array:
      return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_json);
    case text::Json::Kind::object:
      break;
  }
  if (a.members.size() != b.members.size()) return false;
  return std::all_of(a.members.begin(), a.members.end(), [&](const text::JsonMember& member) {
    const auto other =
        std::find_if(b.members.begin(), b.members.end(), [&](const auto& m) { return m.key == member.key; });
    return other != b.members.end() && same_json(member.value, other->value);
  });
}

}  // namespace fathom::eval
