#include "api/answer_writer.h"

#include "text/utf8.h"

namespace fathom::api {

std::string TokenLogprob::text() const {
  text::Utf8Decoder decoder;
  std::string text = decoder.push(bytes);
  return text += decoder.flush();
}

}  // namespace fathom::api
