#include "formats/quote_name.h"

namespace fathom::formats {

std::string quote_name(std::string_view name) {
  constexpr std::size_t kLongest = 120;
  std::size_t size = name.size();
  if (size > kLongest) {
    size = kLongest;
    while (size > 0 && (name[size] & 0xc0) == 0x80) --size;  // not inside a UTF-8 character
  }
  std::string out = "\"";
  for (char c : name.substr(0, size)) out += (c & 0xe0) == 0 || c == 0x7f ? '?' : c;
  return out + (size < name.size() ? "...\"" : "\"");
}

}  // namespace fathom::formats
