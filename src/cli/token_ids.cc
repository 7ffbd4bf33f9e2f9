#include "cli/token_ids.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>

#include "cli/text_file.h"

namespace fathom::cli {
namespace json = boost::json;

Result<std::vector<std::int32_t>> token_ids(const json::value& value, std::string_view where) {
  if (!value.is_array())
    return fail(ErrorCode::invalid_argument, "{}: expected a JSON array of token ids, such as [0, 671, 4787]",
                where);
  std::vector<std::int32_t> ids;
  for (const json::value& item : value.get_array()) {
    boost::system::error_code error;
    const auto id = item.is_number() && !item.is_double() ? item.to_number<std::int32_t>(error) : -1;
    if (!item.is_number() || item.is_double() || error)
      return fail(ErrorCode::invalid_argument, "{}: item {} is {}; a token id is a whole number below 2^31",
                  where, ids.size(), json::serialize(item).substr(0, 40));
    ids.push_back(id);
  }
  return ids;
}

Result<std::vector<std::int32_t>> read_token_ids(const std::filesystem::path& file) {
  FATHOM_TRY(const std::string text, read_text_file(file));
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error)
    return fail(ErrorCode::invalid_argument,
                "{}: not JSON ({}); expected an array of token ids, such as [0, 671, 4787]", file.string(),
                error.message());
  FATHOM_TRY(std::vector<std::int32_t> ids, token_ids(value, file.string()));
  if (ids.empty())
    return fail(ErrorCode::invalid_argument, "{}: the list of token ids is empty; it needs at least one",
                file.string());
  return ids;
}

Status check_token_ids(const std::vector<std::int32_t>& ids, std::int64_t vocabulary,
                       std::string_view where) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= vocabulary)
      return fail(ErrorCode::invalid_argument,
                  "{}: token id {} at position {} is out of range; the model's vocabulary has ids 0 to {}: "
                  "were the ids made "
                  "with another tokenizer?",
                  where, ids[i], i, vocabulary - 1);
  }
  return {};
}

}  // namespace fathom::cli
