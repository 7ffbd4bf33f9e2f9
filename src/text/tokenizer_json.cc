#include "text/tokenizer_json.h"

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <initializer_list>
#include <optional>
#include <unordered_set>
#include <utility>

#include "text/byte_alphabet.h"

namespace fathom::text {

namespace {

namespace json = boost::json;

constexpr std::size_t kMaxFileSize = 256 << 20;      // V4's is 8 MB
constexpr std::int64_t kMaxTokenId = (1 << 20) - 1;  // V4's largest is 129279

// Reads the document from top to bottom; every error names the file and the path of the value.
class Reader {
 public:
  explicit Reader(std::string_view where) : where_(where) {}

  Result<TokenizerJson> read(std::string_view text) {
    if (text.size() > kMaxFileSize) {
      return corrupt("", "at most {} bytes expected, got {}", kMaxFileSize, text.size());
    }
    json::error_code error;
    json::monotonic_resource memory;
    const json::value document = json::parse({text.data(), text.size()}, error, &memory);
    if (error) return corrupt("", "not JSON: {}", error.message());
    if (!document.is_object()) return corrupt("", "a JSON object expected");

    const json::object& root = document.get_object();
    FATHOM_TRY_STATUS(only_keys(root, "",
                                {"version", "truncation", "padding", "added_tokens", "normalizer",
                                 "pre_tokenizer", "post_processor", "decoder", "model"}));
    FATHOM_TRY_STATUS(expect_null(root, "", "truncation"));
    FATHOM_TRY_STATUS(expect_null(root, "", "padding"));
    FATHOM_TRY_STATUS(normalizer(root));
    FATHOM_TRY_STATUS(pre_tokenizer(root));
    FATHOM_TRY_STATUS(byte_level(root, "post_processor", true));
    FATHOM_TRY_STATUS(byte_level(root, "decoder", false));
    FATHOM_TRY_STATUS(model(root));
    FATHOM_TRY_STATUS(added_tokens(root));
    FATHOM_TRY_STATUS(added_tokens_are_unreachable());
    return std::move(result_);
  }

 private:
  template <class... Args>
  tl::unexpected<Error> report(ErrorCode code, std::string_view path, fmt::format_string<Args...> format,
                               Args&&... args) const {
    return fail(code, "{}: {}{}{}", where_, path, path.empty() ? "" : ": ",
                fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  tl::unexpected<Error> corrupt(std::string_view path, fmt::format_string<Args...> format,
                                Args&&... args) const {
    return report(ErrorCode::corrupt, path, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  tl::unexpected<Error> unsupported(std::string_view path, fmt::format_string<Args...> format,
                                    Args&&... args) const {
    return report(ErrorCode::unsupported, path, format, std::forward<Args>(args)...);
  }

  static std::string join(std::string_view path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }

  // A key that is not known here may change what every text means.
  Status only_keys(const json::object& object, std::string_view path,
                   std::initializer_list<std::string_view> known) const {
    for (const auto& member : object) {
      const std::string_view key(member.key().data(), member.key().size());
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        return unsupported(join(path, key), "this setting is not known");
      }
    }
    return {};
  }

  static bool is_absent(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    return !value || value->is_null();
  }

  Status expect_null(const json::object& object, std::string_view path, std::string_view key) const {
    if (is_absent(object, key)) return {};
    return unsupported(join(path, key), "only null is supported");
  }

  // The flag must be off; it may be missing where that means off.
  Status expect_false(const json::object& object, std::string_view path, std::string_view key,
                      bool may_be_missing = true) const {
    const json::value* value = object.if_contains(key);
    if (value ? value->is_bool() && !value->get_bool() : may_be_missing) return {};
    return unsupported(join(path, key), "only false is supported");
  }

  Result<std::string_view> string(const json::object& object, std::string_view path,
                                  std::string_view key) const {
    const json::value* value = object.if_contains(key);
    if (!value || !value->is_string()) return corrupt(join(path, key), "a string expected");
    return std::string_view(value->get_string().data(), value->get_string().size());
  }

  Result<const json::object*> object(const json::object& parent, std::string_view path,
                                     std::string_view key) const {
    const json::value* value = parent.if_contains(key);
    if (!value || !value->is_object()) return corrupt(join(path, key), "an object expected");
    return &value->get_object();
  }

  Result<const json::array*> array(const json::object& parent, std::string_view path,
                                   std::string_view key) const {
    const json::value* value = parent.if_contains(key);
    if (!value || !value->is_array()) return corrupt(join(path, key), "an array expected");
    return &value->get_array();
  }

  Result<std::int32_t> token_id(const json::value& value, std::string_view path) const {
    if (!value.is_int64() || value.get_int64() < 0 || value.get_int64() > kMaxTokenId) {
      return corrupt(path, "a token id from 0 to {} expected, got {}", kMaxTokenId, shown(value));
    }
    return static_cast<std::int32_t>(value.get_int64());
  }

  static std::string shown(const json::value& value) {
    if (value.is_int64()) return fmt::format("{}", value.get_int64());
    if (value.is_uint64()) return fmt::format("{}", value.get_uint64());
    if (value.is_double()) return fmt::format("{}", value.get_double());
    return "something that is not a number";
  }

  // Texts are encoded as they are, so any normalizer that changes text is refused.
  Status normalizer(const json::object& root) const {
    if (is_absent(root, "normalizer")) return {};
    FATHOM_TRY(const auto* settings, object(root, "", "normalizer"));
    FATHOM_TRY(const auto type, string(*settings, "normalizer", "type"));
    if (type != "Sequence") return unsupported("normalizer", "only null and an empty Sequence are supported");
    FATHOM_TRY_STATUS(only_keys(*settings, "normalizer", {"type", "normalizers"}));
    FATHOM_TRY(const auto* steps, array(*settings, "normalizer", "normalizers"));
    if (!steps->empty()) return unsupported("normalizer", "only null and an empty Sequence are supported");
    return {};
  }

  Status pre_tokenizer(const json::object& root) {
    FATHOM_TRY(const auto* settings, object(root, "", "pre_tokenizer"));
    FATHOM_TRY(const auto type, string(*settings, "pre_tokenizer", "type"));
    if (type == "ByteLevel") return pre_tokenizer_step(*settings, "pre_tokenizer", true);
    if (type != "Sequence")
      return unsupported("pre_tokenizer", "a Sequence or ByteLevel expected, got {}", type);
    FATHOM_TRY_STATUS(only_keys(*settings, "pre_tokenizer", {"type", "pretokenizers"}));
    FATHOM_TRY(const auto* steps, array(*settings, "pre_tokenizer", "pretokenizers"));
    if (steps->empty()) return unsupported("pre_tokenizer", "the last step must be ByteLevel");
    for (std::size_t i = 0; i < steps->size(); ++i) {
      const std::string path = fmt::format("pre_tokenizer.pretokenizers[{}]", i);
      if (!(*steps)[i].is_object()) return corrupt(path, "an object expected");
      FATHOM_TRY_STATUS(pre_tokenizer_step((*steps)[i].get_object(), path, i + 1 == steps->size()));
    }
    return {};
  }

  // ByteLevel comes last and only spells bytes; every step before it is a Split.
  Status pre_tokenizer_step(const json::object& step, std::string_view path, bool is_last) {
    FATHOM_TRY(const auto type, string(step, path, "type"));
    if (type != (is_last ? "ByteLevel" : "Split")) {
      return unsupported(path, "Split steps and a last ByteLevel are supported, got {} here", type);
    }
    if (is_last) {
      FATHOM_TRY_STATUS(only_keys(step, path, {"type", "add_prefix_space", "trim_offsets", "use_regex"}));
      FATHOM_TRY_STATUS(expect_false(step, path, "add_prefix_space", false));
      return expect_false(step, path, "use_regex", false);
    }
    FATHOM_TRY_STATUS(only_keys(step, path, {"type", "pattern", "behavior", "invert"}));
    FATHOM_TRY_STATUS(expect_false(step, path, "invert"));
    FATHOM_TRY(const auto behavior, string(step, path, "behavior"));
    if (behavior != "Isolated")
      return unsupported(path, "only the behavior Isolated is supported, got {}", behavior);
    FATHOM_TRY(const auto* pattern, object(step, path, "pattern"));
    FATHOM_TRY_STATUS(only_keys(*pattern, join(path, "pattern"), {"Regex"}));
    FATHOM_TRY(const auto expression, string(*pattern, join(path, "pattern"), "Regex"));
    auto split = SplitPattern::compile(expression);
    if (!split) return report(split.error().code, path, "{}", split.error().message);
    result_.splits.push_back(*std::move(split));
    return {};
  }

  // encode() adds no tokens of its own and decode() joins bytes: what ByteLevel means, whatever its flags.
  Status byte_level(const json::object& root, std::string_view key, bool may_be_null) const {
    if (may_be_null && is_absent(root, key)) return {};
    FATHOM_TRY(const auto* settings, object(root, "", key));
    FATHOM_TRY(const auto type, string(*settings, key, "type"));
    if (type != "ByteLevel") return unsupported(key, "only ByteLevel is supported, got {}", type);
    return only_keys(*settings, key, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  }

  Status model(const json::object& root) {
    FATHOM_TRY(const auto* settings, object(root, "", "model"));
    FATHOM_TRY(const auto type, string(*settings, "model", "type"));
    if (type != "BPE") return unsupported("model.type", "only BPE is supported, got {}", type);
    FATHOM_TRY_STATUS(
        only_keys(*settings, "model",
                  {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                   "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"}));
    for (const auto key : {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"}) {
      FATHOM_TRY_STATUS(expect_null(*settings, "model", key));
    }
    FATHOM_TRY_STATUS(expect_false(*settings, "model", "byte_fallback"));
    FATHOM_TRY_STATUS(expect_false(*settings, "model", "ignore_merges"));
    FATHOM_TRY(vocabulary_, object(*settings, "model", "vocab"));
    FATHOM_TRY_STATUS(vocab());
    FATHOM_TRY(const auto* list, array(*settings, "model", "merges"));
    return merges(*list);
  }

  Status vocab() {
    for (const auto& member : *vocabulary_) {
      const std::string_view spelled(member.key().data(), member.key().size());
      if (spelled.empty()) return corrupt("model.vocab", "a token is the empty text");
      const auto id = token_id(member.value(), "model.vocab");
      if (!id) return tl::unexpected(id.error());
      // Like the original, entries outside the byte alphabet (control tokens) stand for themselves.
      FATHOM_TRY_STATUS(add_token(*id, unspell(spelled).value_or(std::string(spelled)), "model.vocab"));
    }
    for (int byte = 0; byte < 256; ++byte) {
      const json::value* id = vocabulary_->if_contains(spell_byte(static_cast<unsigned char>(byte)));
      if (!id)
        return unsupported("model.vocab", "byte {:#04x} has no token, so not every text can be encoded",
                           byte);
      result_.byte_tokens[byte] = static_cast<std::int32_t>(id->get_int64());
    }
    return {};
  }

  Status add_token(std::int32_t id, std::string bytes, std::string_view path) {
    auto& tokens = result_.tokens;
    if (static_cast<std::size_t>(id) >= tokens.size()) tokens.resize(static_cast<std::size_t>(id) + 1);
    if (!tokens[id].empty()) return corrupt(path, "two tokens have the id {}", id);
    tokens[id] = std::move(bytes);
    return {};
  }

  Status merges(const json::array& list) {
    result_.merges.reserve(list.size());
    std::unordered_set<std::uint64_t> seen(list.size());
    std::string joined;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto pair = merge_pair(list[i]);
      if (!pair)
        return corrupt(fmt::format("model.merges[{}]", i), R"("left right" or ["left", "right"] expected)");
      joined.assign(pair->first).append(pair->second);
      const json::value* left = vocabulary_->if_contains(pair->first);
      const json::value* right = vocabulary_->if_contains(pair->second);
      const json::value* both = vocabulary_->if_contains(joined);
      if (!left || !right || !both) {
        return corrupt(fmt::format("model.merges[{}]", i), "'{}' is not in the vocabulary",
                       !left    ? pair->first
                       : !right ? pair->second
                                : std::string_view(joined));
      }
      const auto id = [](const json::value* value) { return static_cast<std::int32_t>(value->get_int64()); };
      const Merge merge{id(left), id(right), id(both)};
      if (!seen.insert(static_cast<std::uint64_t>(merge.left) << 32 | static_cast<std::uint32_t>(merge.right))
               .second) {
        return corrupt(fmt::format("model.merges[{}]", i), "'{}' '{}' is there twice", pair->first,
                       pair->second);
      }
      result_.merges.push_back(merge);
    }
    return {};
  }

  static std::optional<std::pair<std::string_view, std::string_view>> merge_pair(const json::value& value) {
    if (const auto* pair = value.if_array()) {
      if (pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string()) return std::nullopt;
      const auto& left = (*pair)[0].get_string();
      const auto& right = (*pair)[1].get_string();
      return std::pair(std::string_view(left.data(), left.size()),
                       std::string_view(right.data(), right.size()));
    }
    if (!value.is_string()) return std::nullopt;
    const std::string_view text(value.get_string().data(), value.get_string().size());
    const std::size_t space = text.find(' ');
    if (space == text.npos || text.find(' ', space + 1) != text.npos) return std::nullopt;
    return std::pair(text.substr(0, space), text.substr(space + 1));
  }

  Status added_tokens(const json::object& root) {
    if (is_absent(root, "added_tokens")) return {};
    FATHOM_TRY(const auto* list, array(root, "", "added_tokens"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string path = fmt::format("added_tokens[{}]", i);
      if (!(*list)[i].is_object()) return corrupt(path, "an object expected");
      FATHOM_TRY_STATUS(added_token((*list)[i].get_object(), path));
    }
    return {};
  }

  Status added_token(const json::object& token, std::string_view path) {
    FATHOM_TRY_STATUS(only_keys(
        token, path, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}));
    for (const auto key : {"single_word", "lstrip", "rstrip"})
      FATHOM_TRY_STATUS(expect_false(token, path, key));
    const json::value* number = token.if_contains("id");
    if (!number) return corrupt(path, "an id expected");
    FATHOM_TRY(const std::int32_t id, token_id(*number, path));
    FATHOM_TRY(const auto content, string(token, path, "content"));
    if (content.empty()) return corrupt(path, "the content is empty");
    if (!contents_.emplace(content).second) return corrupt(path, "'{}' is added twice", content);

    const auto flag = [&](std::string_view key) {
      const json::value* value = token.if_contains(key);
      return value && value->is_bool() && value->get_bool();
    };
    // The vocabulary may list it too, but then as the same token.
    if (const json::value* same = vocabulary_->if_contains(content)) {
      if (same->get_int64() != id) return corrupt(path, "'{}' has another id in the vocabulary", content);
      result_.tokens[id] = content;
    } else {
      FATHOM_TRY_STATUS(add_token(id, std::string(content), path));
    }
    result_.added.push_back({id, std::string(content), flag("special"), flag("normalized")});
    return {};
  }

  // Ordinary text must never become a control token: no added token may come out of bytes and merges.
  Status added_tokens_are_unreachable() const {
    std::unordered_set<std::int32_t> reachable(result_.byte_tokens.begin(), result_.byte_tokens.end());
    for (const Merge& merge : result_.merges) reachable.insert(merge.joined);
    for (const AddedToken& token : result_.added) {
      if (reachable.contains(token.id)) {
        return unsupported("added_tokens", "ordinary text would become the added token '{}'", token.content);
      }
    }
    return {};
  }

  std::string_view where_;
  const json::object* vocabulary_ = nullptr;
  TokenizerJson result_;
  std::unordered_set<std::string> contents_;  // of the added tokens so far
};

}  // namespace

Result<TokenizerJson> parse_tokenizer_json(std::string_view json, std::string_view where) {
  return Reader(where).read(json);
}

}  // namespace fathom::text
