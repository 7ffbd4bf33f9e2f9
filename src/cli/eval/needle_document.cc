#include "cli/eval/needle_document.h"

#include <algorithm>
#include <numeric>

#include "cli/eval/filler.h"

namespace fathom::eval {
namespace {

constexpr int kTries =
    8;  // to meet the length: tokens of the parts do not quite add up to those of the whole

std::string_view without_leading_space(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n\f\v");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

Result<text::Prompt> prompt_of(std::string content) {
  text::Message message;
  message.content = std::move(content);
  text::PromptOptions options;
  options.thinking = false;
  return text::render_prompt({&message, 1}, options);
}

class Writer {
 public:
  Writer(const text::Tokenizer& tokenizer, const NeedleDocumentOptions& options)
      : tokenizer_(tokenizer),
        options_(options),
        filler_(options.sentences, options.seed),
        order_(options.depths.size()) {
    Draws draws(options.seed, 0);
    document_.needles = make_needles(draws, options.depths.size(), options.form);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](auto a, auto b) { return options.depths[a] < options.depths[b]; });
  }

  Result<NeedleDocument> write() {
    FATHOM_TRY(std::int64_t tokens, measure(0));
    const std::int64_t least = tokens + 100;
    if (options_.length < least)
      return fail(ErrorCode::invalid_argument,
                  "a length of {} tokens is too short for {} needles; they need {}: give a greater length or "
                  "fewer depths",
                  options_.length, options_.depths.size(), least);
    std::int64_t budget = options_.length - tokens;
    for (int i = 0; i < kTries; ++i) {
      FATHOM_TRY(tokens, measure(budget));
      const std::int64_t missing = options_.length - tokens;
      if (missing >= 0 && missing * 200 <= options_.length) break;
      // Rather a little too short than too long.
      budget += missing - (missing < 0 ? options_.length / 500 : options_.length / 1000);
    }
    FATHOM_TRY_STATUS(encode_questions());
    FATHOM_TRY_STATUS(locate());
    return std::move(document_);
  }

 private:
  struct Piece {
    std::string text;
    std::int64_t tokens;
  };

  std::int64_t count(std::string_view text) const {
    return static_cast<std::int64_t>(tokenizer_.encode(text, text::EncodeMode::plain).size());
  }

  const Piece& piece(std::size_t i) {
    while (pieces_.size() <= i) {
      std::string text = filler_.next();
      const std::int64_t tokens = count(text);
      pieces_.push_back({std::move(text), tokens});
    }
    return pieces_[i];
  }

  // As many words as fit into so many tokens.
  std::string cut(const Piece& whole, std::int64_t tokens) const {
    std::string_view text = whole.text;
    while (!text.empty() && count(text) > tokens) {
      const std::size_t space = text.find_last_of(" \n");
      text = text.substr(0, space == std::string_view::npos ? 0 : space);
    }
    return std::string(text);
  }

  void add(std::string_view text, bool is_paragraph) {
    if (text_.empty() || is_paragraph || after_needle_) {
      text = without_leading_space(text);
      if (!text_.empty()) text_ += "\n\n";
    }
    text_ += text;
    after_needle_ = is_paragraph;
  }

  // The text with so many tokens of filler.
  void compose(std::int64_t budget) {
    text_.clear();
    after_needle_ = false;
    std::size_t needle = 0;
    std::int64_t written = 0;
    const auto add_needles_up_to = [&](double share) {
      for (; needle < order_.size() && options_.depths[order_[needle]] <= share; ++needle)
        add(document_.needles[order_[needle]].sentence, true);
    };
    for (std::size_t i = 0; written < budget; ++i) {
      const Piece& next = piece(i);
      const std::int64_t tokens = std::min(next.tokens, budget - written);
      // Before or after this piece: whichever is nearer.
      add_needles_up_to(100 * (static_cast<double>(written) + static_cast<double>(tokens) / 2) /
                        static_cast<double>(budget));
      add(tokens < next.tokens ? cut(next, tokens) : next.text, false);
      written += tokens;
    }
    add_needles_up_to(100);
  }

  Result<std::vector<std::int32_t>> encode(const Needle& asked) const {
    FATHOM_TRY(const text::Prompt prompt, prompt_of(text_ + "\n\n" + asked.question));
    return text::encode(tokenizer_, prompt);
  }

  // The tokens of the longest prompt, with so many tokens of filler.
  Result<std::int64_t> measure(std::int64_t budget) {
    compose(budget);
    const auto longest =
        std::max_element(document_.needles.begin(), document_.needles.end(),
                         [&](const auto& a, const auto& b) { return count(a.question) < count(b.question); });
    FATHOM_TRY(const std::vector<std::int32_t> ids, encode(*longest));
    return static_cast<std::int64_t>(ids.size());
  }

  // Splits the prompts into what all share and how each goes on.
  Status encode_questions() {
    std::vector<std::int32_t>& shared = document_.shared;
    for (const Needle& needle : document_.needles) {
      FATHOM_TRY(const std::vector<std::int32_t> ids, encode(needle));
      document_.tokens = std::max(document_.tokens, static_cast<std::int64_t>(ids.size()));
      if (document_.tails.empty()) shared = ids;
      const auto same = std::mismatch(shared.begin(), shared.end(), ids.begin(), ids.end() - 1).first;
      // What is shared no longer belongs to the tails before this one.
      for (auto& tail : document_.tails) tail.insert(tail.begin(), same, shared.end());
      const std::ptrdiff_t size = same - shared.begin();
      shared.resize(static_cast<std::size_t>(size));
      document_.tails.emplace_back(ids.begin() + size, ids.end());
    }
    return {};
  }

  // Token by token through the prompt of the first question.
  Status locate() {
    FATHOM_TRY(const text::Prompt prompt, prompt_of(text_));
    const std::string whole = text::to_text(prompt);
    for (const Needle& needle : document_.needles) {
      const std::size_t begin = whole.find(needle.sentence);
      std::size_t bytes = 0, tokens = 0;
      for (; tokens < document_.shared.size(); ++tokens) {
        bytes += tokenizer_.token_bytes(document_.shared[tokens]).size();
        if (bytes > begin) break;
      }
      document_.found_at.push_back(100 * static_cast<double>(tokens) / static_cast<double>(document_.tokens));
    }
    return {};
  }

  const text::Tokenizer& tokenizer_;
  const NeedleDocumentOptions& options_;
  Filler filler_;
  std::vector<std::size_t> order_;  // of the needles, by depth
  std::vector<Piece> pieces_;       // of filler, as far as it was needed
  std::string text_;
  bool after_needle_ = false;
  NeedleDocument document_;
};

}  // namespace

Result<NeedleDocument> make_needle_document(const text::Tokenizer& tokenizer,
                                            const NeedleDocumentOptions& options) {
  return Writer(tokenizer, options).write();
}

}  // namespace fathom::eval
