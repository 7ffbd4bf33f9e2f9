// UTF-8 as the WHATWG encoding standard decodes it: never fails, bad bytes become U+FFFD.
// Thread safety: the function is pure; a Utf8Decoder belongs to one stream and one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fathom::text {

// The bytes at the start of a text that belong together.
struct Utf8Part {
  enum Kind { complete, invalid, incomplete };

  std::size_t size;  // 1..4 bytes; 0 only for an empty text
  // complete: one code point; invalid: a maximal part that no byte can mend; incomplete: the text ends too
  // early.
  Kind kind;
};

Utf8Part first_part(std::string_view text);

// Decodes a stream that arrives in pieces cut at any byte.
class Utf8Decoder {
 public:
  // Valid UTF-8: what the bytes complete. Up to 3 bytes of an unfinished code point are kept for the next
  // call.
  std::string push(std::string_view bytes);

  // U+FFFD when an unfinished code point is left, else empty. The decoder is then as new.
  std::string flush();

 private:
  std::string held_;  // an incomplete part
};

}  // namespace fathom::text
