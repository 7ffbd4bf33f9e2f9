// One client's connection: requests in, answers out, one after another.
// Ownership: shared by the server and the coroutine that serves it. Thread safety: the server's thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/outbox.h"
#include "server/server.h"
#include "server/stream.h"
#include "server/traffic.h"

namespace fathom::server {

using Clock = std::chrono::steady_clock;
using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;
template <class T>
using Awaitable = boost::asio::awaitable<T, Executor>;

// What all connections of a server share.
struct Shared {
  const Options& options;
  api::Service& service;
  Traffic traffic;
  std::map<std::string, int> running;  // requests by API key
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `tls` may be null. Both must outlive it.
  Connection(Socket socket, boost::asio::ssl::context* tls, Shared& shared);
  ~Connection();

  // Ends when the connection does.
  Awaitable<void> serve();

  // To be called every fraction of a second: enforces the time limits.
  void tick(Clock::time_point now);

  // The request under way is the last one.
  void finish();

  // At once; an answer under way is cut off.
  void close();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  struct Refusal {
    int status;
    std::string message;
  };
  enum class Phase { idle, reading, answering, closing };

  Awaitable<bool> shake_hands();
  Awaitable<bool> read_request();
  Awaitable<bool> read_body();
  std::optional<Refusal> objection() const;
  Awaitable<void> answer();
  void dispatch(api::HttpRequest request);
  std::string metrics() const;
  void begin_visit();
  void end_visit();
  Awaitable<void> deliver();
  Awaitable<void> refuse(Refusal refusal);
  Refusal refusal_of(boost::system::error_code error) const;
  Awaitable<bool> write(std::string bytes);
  Awaitable<void> discard_rest();

  bool is_preflight() const;
  std::optional<std::string> caller() const;
  std::string path() const;
  std::string head_text(const api::HttpHead& head, std::optional<std::size_t> length) const;
  std::string keep_alive_bytes(const api::HttpHead& head, Clock::time_point now) const;
  void expire_after(std::chrono::milliseconds time) { deadline_ = Clock::now() + time; }
  void watch();
  Awaitable<void> stop_watching();
  std::shared_ptr<Outbox> new_outbox();

  Stream stream_;
  Shared& shared_;
  const Options& options_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Phase phase_ = Phase::idle;
  Clock::time_point deadline_ = Clock::time_point::max();
  bool timed_out_ = false;
  bool last_ = false;  // no request after this one
  Visit visit_;        // the request under way
  Clock::time_point visit_begin_ = {};

  std::shared_ptr<Outbox> outbox_;
  Timer wake_;  // never expires: cancelled when there is something to do
  Clock::time_point last_write_ = {};
  bool gone_ = false;  // the client closed the connection
  bool watching_ = false;
  boost::asio::cancellation_signal stop_watch_;
};

}  // namespace fathom::server
