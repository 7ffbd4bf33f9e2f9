// What the server and the API say to each other: HTTP without sockets.
#pragma once

#include <memory>
#include <string>

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
};

// What answers requests.
class Service {
 public:
  virtual ~Service() = default;

  // Returns at once; the reply may be used by any thread, also before this returns. Called by one thread.
  virtual void handle(HttpRequest request, std::shared_ptr<HttpReply> reply) = 0;
};

}  // namespace fathom::api
