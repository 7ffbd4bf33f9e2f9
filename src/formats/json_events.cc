#include "formats/json_events.h"

#include <boost/json/basic_parser_impl.hpp>
#include <limits>
#include <string>
#include <utility>

namespace fathom::formats {
namespace {

using boost::json::error_code;
using boost::json::string_view;

// Adapts the handler of boost::json::basic_parser: puts split keys and strings together, and keeps the first
// error.
class Handler {
 public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  explicit Handler(JsonEvents& events) : events_(events) {}
  const Status& status() const { return status_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code& ec) { return keep(events_.on_object_begin(), ec); }
  bool on_object_end(std::size_t, error_code& ec) { return keep(events_.on_object_end(), ec); }
  bool on_array_begin(error_code& ec) { return keep(events_.on_array_begin(), ec); }
  bool on_array_end(std::size_t, error_code& ec) { return keep(events_.on_array_end(), ec); }
  bool on_key_part(string_view part, std::size_t, error_code&) { return add(part); }
  bool on_key(string_view last, std::size_t, error_code& ec) { return keep(events_.on_key(whole(last)), ec); }
  bool on_string_part(string_view part, std::size_t, error_code&) { return add(part); }
  bool on_string(string_view last, std::size_t, error_code& ec) {
    return keep(events_.on_string(whole(last)), ec);
  }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t value, string_view, error_code& ec) {
    return keep(events_.on_integer(value), ec);
  }
  bool on_uint64(std::uint64_t, string_view, error_code& ec) {
    return keep(events_.on_other("a number of 2^63 or more"), ec);
  }
  bool on_double(double, string_view, error_code& ec) {
    return keep(events_.on_other("a fraction or huge number"), ec);
  }
  bool on_bool(bool value, error_code& ec) { return keep(events_.on_other(value ? "true" : "false"), ec); }
  bool on_null(error_code& ec) { return keep(events_.on_other("null"), ec); }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  bool add(string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }

  std::string_view whole(string_view last) {
    if (text_.empty()) return {last.data(), last.size()};
    add(last);
    joined_ = std::exchange(text_, {});
    return joined_;
  }

  bool keep(Status status, error_code& ec) {
    if (status) return true;
    status_ = std::move(status);
    ec = boost::json::error::exception;  // any error code stops the parser
    return false;
  }

  JsonEvents& events_;
  Status status_;
  std::string text_;    // the parts so far of a key or string
  std::string joined_;  // what whole() returned last
};

}  // namespace

Status parse_json(std::string_view text, std::string_view where, JsonEvents& events) {
  boost::json::basic_parser<Handler> parser(boost::json::parse_options{}, events);
  error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!parser.handler().status()) return parser.handler().status();
  if (ec) return fail(ErrorCode::corrupt, "{}: not valid JSON at byte {}: {}", where, used, ec.message());
  if (used < text.size())
    return fail(ErrorCode::corrupt, "{}: text after the end of the JSON at byte {}", where, used);
  return {};
}

}  // namespace fathom::formats
