#include "cli/eval/filler.h"

#include <cctype>

#include "cli/eval/needle.h"

namespace fathom::eval {
namespace {

constexpr std::size_t kLongestPiece = 200;  // bytes; a longer sentence is cut at a space
constexpr int kShortestParagraph = 3, kLongestParagraph = 7;

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

// Where the sentence that begins at `begin` ends: before the white space after it.
std::size_t end_of_sentence(std::string_view text, std::size_t begin) {
  std::size_t i = begin;
  while (i < text.size() && is_space(text[i])) ++i;
  for (; i < text.size(); ++i) {
    if (!is_space(text[i])) continue;
    const char before = text[i - 1];
    const bool is_full_stop = before == '.' || before == '!' || before == '?' || before == '"';
    const bool is_paragraph = text[i] == '\n' && i + 1 < text.size() && text[i + 1] == '\n';
    if (is_full_stop || is_paragraph || i - begin >= kLongestPiece) return i;
  }
  return text.size();
}

}  // namespace

Result<std::shared_ptr<const std::vector<std::string>>> sentences_of(std::string_view text,
                                                                     std::string_view where) {
  auto sentences = std::make_shared<std::vector<std::string>>();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = end_of_sentence(text, begin);
    std::string sentence(text.substr(begin, end - begin));
    begin = end;
    if (sentence.find_first_not_of(" \t\r\n\f\v") == std::string::npos || reads_like_needle(sentence))
      continue;
    if (!is_space(sentence.front())) sentence.insert(sentence.begin(), ' ');
    sentences->push_back(std::move(sentence));
  }
  if (sentences->empty())
    return fail(ErrorCode::invalid_argument,
                "{}: holds no sentence to hide needles among; give a text in plain English", where);
  return sentences;
}

Filler::Filler(std::shared_ptr<const std::vector<std::string>> sentences, std::uint64_t seed)
    : sentences_(std::move(sentences)), prose_(seed), draws_(seed, 2) {
  if (sentences_) at_ = draws_.below(sentences_->size());
}

std::string Filler::next() {
  if (sentences_) {
    at_ = (at_ + 1) % sentences_->size();
    return (*sentences_)[at_];
  }
  const bool begins = left_in_paragraph_ == 0;
  if (begins) left_in_paragraph_ = draws_.between(kShortestParagraph, kLongestParagraph);
  --left_in_paragraph_;
  return (begins ? "\n\n" : " ") + prose_.sentence();
}

}  // namespace fathom::eval
