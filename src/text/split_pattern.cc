#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/split_pattern.h"

#include <pcre2.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <new>

#include "text/utf8.h"

namespace fathom::text {

namespace {

// Unicode's White_Space, which is \s in Oniguruma. PCRE2's \s has U+180E as well.
constexpr std::string_view kWhiteSpace =
    R"(\x09-\x0d\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

// Translates one expression from left to right.
class Translator {
 public:
  explicit Translator(std::string_view expression) : expression_(expression) {}

  Result<std::string> translate() {
    while (!at_end()) {
      const char c = peek();
      if (c == '\\') {
        FATHOM_TRY_STATUS(escape(false));
      } else if (c == '[') {
        FATHOM_TRY_STATUS(character_class());
      } else if (c == '(') {
        FATHOM_TRY_STATUS(open_group());
      } else if (c == '^' || c == '$' || c == '.') {
        return refuse("anchors and '.'");
      } else {
        copy(1);
      }
    }
    return std::move(pattern_);
  }

 private:
  bool at_end() const { return at_ == expression_.size(); }
  char peek() const { return expression_[at_]; }
  bool next_is(std::string_view text) const { return expression_.substr(at_).starts_with(text); }
  void copy(std::size_t count) {
    pattern_ += expression_.substr(at_, count);
    at_ += count;
  }
  tl::unexpected<Error> refuse(std::string_view what) const {
    return fail(ErrorCode::unsupported, "at byte {}: {} are not supported in a Split expression", at_, what);
  }

  Status escape(bool in_class) {
    if (at_ + 1 == expression_.size()) return fail(ErrorCode::corrupt, "the expression ends in a backslash");
    const char c = expression_[at_ + 1];
    if (c == 'p' || c == 'P') return property();
    if (c == 's' || (c == 'S' && !in_class)) {
      pattern_ +=
          in_class ? std::string(kWhiteSpace) : fmt::format("[{}{}]", c == 'S' ? "^" : "", kWhiteSpace);
      at_ += 2;
    } else if (c == 'r' || c == 'n' || c == 't' || std::ispunct(static_cast<unsigned char>(c))) {
      copy(2);
    } else {
      return refuse("escapes other than \\p \\P \\s \\S \\r \\n \\t and those of punctuation");
    }
    return {};
  }

  // \p{L}, \p{Lu}: a general category. Script names mean different sets in the two engines.
  Status property() {
    const std::size_t close = expression_.find('}', at_);
    const bool category =
        close != expression_.npos && expression_[at_ + 2] == '{' &&
        (close == at_ + 4 ||
         (close == at_ + 5 && std::islower(static_cast<unsigned char>(expression_[at_ + 4])))) &&
        std::string_view("CLMNPSZ").find(expression_[at_ + 3]) != std::string_view::npos;
    if (!category) return refuse("properties other than general categories");
    copy(close + 1 - at_);
    return {};
  }

  Status character_class() {
    copy(next_is("[^") ? 2 : 1);
    if (next_is("]")) return refuse("classes that begin with ']'");
    while (!at_end() && peek() != ']') {
      if (peek() == '\\') {
        FATHOM_TRY_STATUS(escape(true));
      } else if (peek() == '[' || next_is("&&")) {
        return refuse("nested classes and intersections");
      } else {
        copy(1);
      }
    }
    if (at_end()) return fail(ErrorCode::corrupt, "a class is not closed");
    copy(1);
    return {};
  }

  Status open_group() {
    constexpr std::string_view kKnown[] = {"(?:", "(?=", "(?!", "(?i:"};
    if (next_is("(?") || next_is("(*")) {
      const auto known =
          std::find_if(std::begin(kKnown), std::end(kKnown), [&](auto group) { return next_is(group); });
      if (known == std::end(kKnown))
        return refuse("groups other than (...) (?:...) (?i:...) (?=...) (?!...)");
      copy(known->size());
    } else {
      copy(1);
    }
    return {};
  }

  std::string_view expression_;
  std::size_t at_ = 0;
  std::string pattern_;
};

}  // namespace

Result<std::string> translate_expression(std::string_view expression) {
  return Translator(expression).translate();
}

void SplitMatcher::Free::operator()(pcre2_match_data* data) const {
  pcre2_match_data_free(data);
}
void SplitMatcher::Free::operator()(pcre2_match_context* context) const {
  pcre2_match_context_free(context);
}
void SplitPattern::Free::operator()(pcre2_code* code) const {
  pcre2_code_free(code);
}

SplitMatcher::SplitMatcher(std::size_t text_size)
    : data_(pcre2_match_data_create(1, nullptr)), context_(pcre2_match_context_create(nullptr)) {
  if (!data_ || !context_) throw std::bad_alloc();
  // PCRE2 counts a step for each byte that a greedy run gives back, so long texts need more than its default.
  constexpr std::uint64_t kBase = 10'000'000, kStepsPerByte = 16;
  const std::uint64_t limit = kBase + kStepsPerByte * text_size;
  pcre2_set_match_limit(context_.get(),
                        static_cast<std::uint32_t>(std::min<std::uint64_t>(limit, UINT32_MAX)));
}

Result<SplitPattern> SplitPattern::compile(std::string_view expression) {
  FATHOM_TRY(const std::string pattern, translate_expression(expression));
  int error = 0;
  std::size_t offset = 0;
  SplitPattern compiled(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                      PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
  if (!compiled.code_) {
    PCRE2_UCHAR message[256];
    pcre2_get_error_message(error, message, sizeof(message));
    return fail(ErrorCode::corrupt, "not a regular expression: {}", reinterpret_cast<const char*>(message));
  }
  std::uint32_t matches_empty = 0;
  pcre2_pattern_info(compiled.code_.get(), PCRE2_INFO_MATCHEMPTY, &matches_empty);
  if (matches_empty)
    return fail(ErrorCode::unsupported, "expressions that match the empty text are not supported");

  pcre2_jit_compile(compiled.code_.get(), PCRE2_JIT_COMPLETE);  // where there is no JIT, PCRE2 interprets
  return compiled;
}

SplitPattern::Range SplitPattern::find(std::string_view text, std::size_t from, SplitMatcher& matcher) const {
  const auto search = [&](std::uint32_t options) {
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                       options | PCRE2_NO_UTF_CHECK, matcher.data_.get(), matcher.context_.get());
  };
  int matched = search(0);
  if (matched == PCRE2_ERROR_JIT_STACKLIMIT) matched = search(PCRE2_NO_JIT);
  const std::size_t* range = pcre2_get_ovector_pointer(matcher.data_.get());
  if (matched < 0 || range[0] < from || range[1] <= range[0]) return {text.size(), text.size()};
  return {range[0], range[1]};
}

}  // namespace fathom::text
