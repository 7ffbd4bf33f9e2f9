// Learns a byte-level BPE with DeepSeek-V4's pre-tokeniser and control tokens, and writes it as
// tokenizer.json. Digits never merge: one token per digit, which is best for sums digit by digit. Thread
// safety: pure functions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "train/data/corpus.h"

namespace fathom::train {

using PieceCounts =
    std::unordered_map<std::string, std::int64_t>;  // bytes of a pre-token: how often it occurs

// Cuts a text as V4's pre-tokeniser does and counts the pieces.
Status count_pieces(std::string_view text, PieceCounts& counts);

// The pair of neighbouring tokens that is most frequent becomes a token, again and again (of equals, the pair
// whose bytes come first). Returns the bytes of both halves, at most `count` pairs; fewer when no pair occurs
// twice.
std::vector<std::pair<std::string, std::string>> learn_merges(const PieceCounts& counts, int count);

// A whole tokenizer.json.
std::string tokenizer_json(const std::vector<std::pair<std::string, std::string>>& merges);

// Learns from about `bytes` of the corpus. Errors: io; invalid_argument for a vocabulary that cannot hold the
// bytes and control tokens.
Status train_tokenizer(const Corpus& corpus, int vocabulary, std::size_t bytes,
                       const std::filesystem::path& out);

}  // namespace fathom::train
