// What the server and the API say to each other: HTTP without sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace fathom::api {

struct HttpRequest {
  std::string method;  // "GET", "POST"; a HEAD comes as GET
  std::string path;    // "/chat/completions": without the query
  std::string body;
  std::string caller;  // stands for the API key; empty where none is asked for
};

struct HttpHead {
  int status = 200;
  std::string content_type = "application/json";
  std::string keep_alive = {};  // bytes that may go out while the body waits: they mean nothing to the client
  int retry_after = 0;          // seconds; 0: the client is not told when to try again
};

// Whether the client still takes an answer.
enum class Demand {
  more,
  later,  // it reads slower than the answer comes
  none,   // it is gone
};

// What a request turned out to be, for the log.
struct RequestFacts {
  std::string model;
  std::int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
};

// Where the answer to one request goes. The server implements it.
// Thread safety: one thread at a time; demand() from any thread.
class HttpReply {
 public:
  virtual ~HttpReply() = default;

  // A whole answer. After begin() it replaces the head if that has not gone out yet.
  virtual void send(HttpHead head, std::string body) = 0;

  // An answer in parts: begin(), write() any number of times, end(). The head goes out with the first part.
  virtual void begin(HttpHead head) = 0;
  virtual void write(std::string_view bytes) = 0;
  virtual void end() = 0;

  virtual Demand demand() const = 0;

  // Before the end of the answer.
  virtual void report(const RequestFacts& /*facts*/) {}
};

// What answers requests.
class Service {
 public:
  virtual ~Service() = default;

  // Returns at once; the reply may be used by any thread, also before this returns. Called by one thread.
  virtual void handle(HttpRequest request, std::shared_ptr<HttpReply> reply) = 0;

  // The path in the form that all spellings of it share; "other" where nothing is served. From any thread.
  virtual std::string route(std::string_view path) const = 0;

  // Measurements in the text format of Prometheus. From any thread.
  virtual std::string metrics() const = 0;
};

}  // namespace fathom::api
