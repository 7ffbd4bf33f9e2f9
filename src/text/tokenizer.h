// The tokenizer of a model folder: text to token ids and back, from Hugging Face's tokenizer.json
// (byte-level BPE with added tokens, as all DeepSeek models use it).
// Ownership: a Tokenizer owns all it needs; the file may go away after loading. Movable, not copyable.
// Thread safety: const after load; any number of threads may use one Tokenizer at the same time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fathom::text {

// What a text that spells an added token, such as "<think>", means.
enum class EncodeMode {
  with_added_tokens,  // it is that token: for pieces of the prompt template
  plain,              // it is ordinary text: for everything that people and tools wrote
};

class Tokenizer {
 public:
  // Reads a tokenizer.json. Errors: not_found and io from the file; corrupt (not JSON, an id that is
  // negative, absurd or used twice, a merge of unknown tokens); unsupported (any setting whose meaning fathom
  // does not implement: a file is never read half right).
  static Result<Tokenizer> load(const std::filesystem::path& tokenizer_json);

  // The same from memory; `where` names the source in errors.
  static Result<Tokenizer> parse(std::string_view json, std::string_view where);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // The ids of a text, without a begin-of-sentence token. In plain mode no added token ever comes out.
  // Bytes that are not UTF-8 are no error: each run of them is encoded on its own, and decode() restores
  // them.
  std::vector<std::int32_t> encode(std::string_view text, EncodeMode mode) const;

  // The bytes of the tokens, one after another: the inverse of encode(). Not always UTF-8, since a token may
  // hold a part of a code point; Detokenizer gives text. Ids that are not in the vocabulary have no bytes.
  std::string decode(std::span<const std::int32_t> ids) const;

  // The token whose bytes are exactly these ("<think>", " the"), added tokens first.
  std::optional<std::int32_t> token_id(std::string_view bytes) const;

  // The largest id plus one. Ids below it that no token has ("holes") have no bytes.
  std::int32_t vocabulary_size() const;

  // The bytes of one token, empty when there is none with this id. The view lives as long as the Tokenizer.
  std::string_view token_bytes(std::int32_t id) const;

  // Whether the id is in the list of added tokens, and whether it is marked special there (a control token
  // that is left out of text shown to people: "<think>" is added, "<｜User｜>" is added and special).
  bool is_added(std::int32_t id) const;
  bool is_special(std::int32_t id) const;

 private:
  struct Tables;
  explicit Tokenizer(std::unique_ptr<const Tables> tables);

  std::unique_ptr<const Tables> tables_;
};

}  // namespace fathom::text
