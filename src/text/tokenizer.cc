#include "text/tokenizer.h"

#include <new>
#include <unordered_map>
#include <utility>

#include "os/mapped_file.h"
#include "text/added_token_matcher.h"
#include "text/byte_pair_encoder.h"
#include "text/split_pattern.h"
#include "text/tokenizer_json.h"
#include "text/utf8.h"

namespace fathom::text {

namespace {

enum Kind : std::uint8_t { kOrdinary, kAdded, kSpecial };

AddedTokenMatcher make_matcher(const std::vector<AddedToken>& added, bool normalized) {
  std::vector<std::pair<std::string, std::int32_t>> tokens;
  for (const AddedToken& token : added) {
    if (token.normalized == normalized) tokens.emplace_back(token.content, token.id);
  }
  return AddedTokenMatcher(std::move(tokens));
}

}  // namespace

struct Tokenizer::Tables {
  explicit Tables(TokenizerJson json)
      : tokens(std::move(json.tokens)),
        kinds(tokens.size(), kOrdinary),
        splits(std::move(json.splits)),
        encoder(json.byte_tokens, json.merges),
        raw_matcher(make_matcher(json.added, false)),
        normalized_matcher(make_matcher(json.added, true)) {
    ids.reserve(tokens.size());
    for (const AddedToken& token : json.added) {
      kinds[token.id] = token.special ? kSpecial : kAdded;
      ids.emplace(tokens[token.id], token.id);
    }
    for (std::size_t id = 0; id < tokens.size(); ++id) {
      if (!tokens[id].empty()) ids.emplace(tokens[id], static_cast<std::int32_t>(id));
    }
  }

  const std::string* find(std::int32_t id) const {
    return id >= 0 && static_cast<std::size_t>(id) < tokens.size() ? &tokens[id] : nullptr;
  }

  std::vector<std::string> tokens;  // bytes by id
  std::vector<Kind> kinds;          // by id
  std::vector<SplitPattern> splits;
  BytePairEncoder encoder;
  AddedTokenMatcher raw_matcher;                           // looked for in the text
  AddedTokenMatcher normalized_matcher;                    // looked for in what raw_matcher leaves
  std::unordered_map<std::string_view, std::int32_t> ids;  // keys point into tokens
};

namespace {

// Ordinary text to ids: pre-tokenisation, then byte-pair encoding of the pieces.
class PlainEncoder {
 public:
  PlainEncoder(std::span<const SplitPattern> splits, const BytePairEncoder& encoder, std::size_t text_size,
               std::vector<std::int32_t>& ids)
      : splits_(splits), encoder_(encoder), matcher_(text_size), ids_(ids) {}

  void encode(std::string_view text) {
    while (!text.empty()) {
      const std::string_view valid = text.substr(0, run(text, true));
      split(0, valid);
      text.remove_prefix(valid.size());
      const std::string_view bad = text.substr(0, run(text, false));
      encoder_.encode(bad, ids_);
      text.remove_prefix(bad.size());
    }
  }

 private:
  // The length of the leading part that is (or is not) valid UTF-8.
  static std::size_t run(std::string_view text, bool valid) {
    std::size_t size = 0;
    while (size < text.size()) {
      const Utf8Part part = first_part(text.substr(size));
      if ((part.kind == Utf8Part::complete) != valid) break;
      size += part.size;
    }
    return size;
  }

  // Each stage sees only the pieces that the stage before cut out.
  void split(std::size_t stage, std::string_view piece) {
    if (stage == splits_.size()) return encoder_.encode(piece, ids_);
    for (std::size_t at = 0; at < piece.size();) {
      const auto [begin, end] = splits_[stage].find(piece, at, matcher_);
      if (begin > at) split(stage + 1, piece.substr(at, begin - at));
      if (end > begin) split(stage + 1, piece.substr(begin, end - begin));
      at = end;
    }
  }

  std::span<const SplitPattern> splits_;
  const BytePairEncoder& encoder_;
  SplitMatcher matcher_;
  std::vector<std::int32_t>& ids_;
};

// Calls on_text for the text between added tokens, and appends the ids of the added tokens.
template <class OnText>
void split_at_added(const AddedTokenMatcher& matcher, std::string_view text, std::vector<std::int32_t>& ids,
                    OnText on_text) {
  std::size_t at = 0;
  while (const auto match = matcher.find(text, at)) {
    on_text(text.substr(at, match->begin - at));
    ids.push_back(match->id);
    at = match->end;
  }
  on_text(text.substr(at));
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<const Tables> tables) : tables_(std::move(tables)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& tokenizer_json) {
  FATHOM_TRY(const os::MappedFile file, os::MappedFile::open(tokenizer_json));
  const auto bytes = file.bytes();
  return parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, tokenizer_json.string());
}

Result<Tokenizer> Tokenizer::parse(std::string_view json, std::string_view where) {
  try {
    FATHOM_TRY(TokenizerJson parsed, parse_tokenizer_json(json, where));
    return Tokenizer(std::make_unique<Tables>(std::move(parsed)));
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::out_of_memory, "{}: no memory left to read {} bytes of tokenizer.json", where,
                json.size());
  }
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, EncodeMode mode) const {
  std::vector<std::int32_t> ids;
  ids.reserve(text.size() / 3);
  PlainEncoder plain(tables_->splits, tables_->encoder, text.size(), ids);
  if (mode == EncodeMode::plain) {
    plain.encode(text);
    return ids;
  }
  split_at_added(tables_->raw_matcher, text, ids, [&](std::string_view between) {
    split_at_added(tables_->normalized_matcher, between, ids,
                   [&](std::string_view rest) { plain.encode(rest); });
  });
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  std::string bytes;
  for (const std::int32_t id : ids) bytes += token_bytes(id);
  return bytes;
}

std::optional<std::int32_t> Tokenizer::token_id(std::string_view bytes) const {
  const auto found = tables_->ids.find(bytes);
  if (found == tables_->ids.end()) return std::nullopt;
  return found->second;
}

std::int32_t Tokenizer::vocabulary_size() const {
  return static_cast<std::int32_t>(tables_->tokens.size());
}

std::string_view Tokenizer::token_bytes(std::int32_t id) const {
  const std::string* bytes = tables_->find(id);
  return bytes ? *bytes : std::string_view();
}

bool Tokenizer::is_added(std::int32_t id) const {
  return tables_->find(id) && tables_->kinds[id] != kOrdinary;
}

bool Tokenizer::is_special(std::int32_t id) const {
  return tables_->find(id) && tables_->kinds[id] == kSpecial;
}

}  // namespace fathom::text
