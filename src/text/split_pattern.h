// A regular expression of a tokenizer.json's "Split" pre-tokeniser: cuts text into its matches and what lies
// between. Ownership: owns the compiled pattern. Movable, not copyable. Thread safety: const after compile();
// each thread needs its own SplitMatcher.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace fathom::text {

// The working memory of matching: one for each thread, used with any pattern.
class SplitMatcher {
 public:
  // `text_size`: the longest text, in bytes, that will be searched; it bounds the work of a match.
  explicit SplitMatcher(std::size_t text_size);

 private:
  friend class SplitPattern;
  struct Free {
    void operator()(pcre2_real_match_data_8* data) const;
    void operator()(pcre2_real_match_context_8* context) const;
  };
  std::unique_ptr<pcre2_real_match_data_8, Free> data_;
  std::unique_ptr<pcre2_real_match_context_8, Free> context_;
};

class SplitPattern {
 public:
  // Compiles an expression in the Oniguruma syntax that tokenizer.json uses. Errors: unsupported for a
  // construct outside the subset that means the same in both engines; corrupt for a syntax error.
  static Result<SplitPattern> compile(std::string_view expression);

  struct Range {
    std::size_t begin, end;  // bytes; empty at the end of the text when there is no match
  };

  // The first match at or after `from` in valid UTF-8. Never an empty match. A pattern that backtracks
  // without reasonable bound on this text counts as not matching.
  Range find(std::string_view text, std::size_t from, SplitMatcher& matcher) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  explicit SplitPattern(pcre2_real_code_8* code) : code_(code) {}

  std::unique_ptr<pcre2_real_code_8, Free> code_;
};

// What compile() gives to PCRE2: the same expression with Oniguruma's \s spelled out, or why it is not
// supported.
Result<std::string> translate_expression(std::string_view expression);

}  // namespace fathom::text
