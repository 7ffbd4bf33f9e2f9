// Errors are values: every function above kernels that can fail for a reason outside the program
// (a bad file, a bad request, a full disk) returns Result<T>. Exceptions never cross a room.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace fathom {

// What kind of thing went wrong, for callers that react to it (an HTTP status, an exit code).
enum class ErrorCode {
  invalid_argument,  // the caller asked for something that cannot be
  not_found,         // a file, tensor or name does not exist
  corrupt,           // bytes that contradict their own format
  unsupported,       // well-formed, but not something fathom does
  io,                // the system refused: permissions, disk full, read error
  out_of_memory,     // the request does not fit the memory budget
  cancelled,         // the user or client stopped it
};

// One line that says where, what was expected, what came, and what to do about it.
struct Error {
  ErrorCode code;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

// Makes an error value: return fail(ErrorCode::corrupt, "{}: ...", path, ...).
template <class... Args>
tl::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace fathom

#define FATHOM_CONCAT_INNER(a, b) a##b
#define FATHOM_CONCAT(a, b) FATHOM_CONCAT_INNER(a, b)

// FATHOM_TRY(auto x, might_fail()): x is the value, or the error is returned to the caller.
#define FATHOM_TRY(declaration, ...)                                            \
  auto FATHOM_CONCAT(result_, __LINE__) = (__VA_ARGS__);                        \
  if (!FATHOM_CONCAT(result_, __LINE__))                                        \
    return tl::unexpected(std::move(FATHOM_CONCAT(result_, __LINE__)).error()); \
  declaration = *std::move(FATHOM_CONCAT(result_, __LINE__))

// The same for a Status, which has no value.
#define FATHOM_TRY_STATUS(...) \
  if (auto status_ = (__VA_ARGS__); !status_) return tl::unexpected(std::move(status_).error())
