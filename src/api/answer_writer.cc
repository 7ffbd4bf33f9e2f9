#include "api/answer_writer.h"

#include <fmt/format.h>

#include "text/json.h"
#include "text/utf8.h"

namespace fathom::api {
namespace {

std::string members_json(const TokenLogprob& token) {
  std::string values;
  for (const char byte : token.bytes) {
    if (!values.empty()) values += ',';
    values += std::to_string(static_cast<unsigned char>(byte));
  }
  return fmt::format(R"("token":"{}","logprob":{},"bytes":[{}])", text::escape_json(token.text()),
                     token.logprob, values);
}

}  // namespace

std::string TokenLogprob::text() const {
  text::Utf8Decoder decoder;
  std::string text = decoder.push(bytes);
  return text += decoder.flush();
}

std::string logprob_json(const DrawnLogprob& drawn) {
  std::string alternatives;
  for (const TokenLogprob& one : drawn.alternatives)
    alternatives += (alternatives.empty() ? "{" : ",{") + members_json(one) + "}";
  return fmt::format(R"({{{},"top_logprobs":[{}]}})", members_json(drawn.token), alternatives);
}

}  // namespace fathom::api
