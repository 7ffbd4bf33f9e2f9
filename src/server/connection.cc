#include "server/connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <utility>

#include "api/errors.h"
#include "api/random_id.h"
#include "base/version.h"
#include "os/memory_use.h"
#include "server/origin.h"

namespace fathom::server {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

// g++ 12 destroys some temporaries of an expression with co_await twice, and miscompiles co_await in a loop's
// condition: what a coroutine passes on are named variables here.

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable_t<Executor>());
constexpr std::size_t kReadSize = 16 << 10;
constexpr std::chrono::milliseconds kDiscardTime{2'000};
constexpr std::size_t kDiscardBytes = 1 << 20;

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

}  // namespace

Connection::Connection(Socket socket, asio::ssl::context* tls, Shared& shared)
    : stream_(std::move(socket), tls),
      shared_(shared),
      options_(shared.options),
      wake_(stream_.get_executor(), Clock::time_point::max()) {}

Connection::~Connection() {
  if (outbox_) outbox_->close();  // after which it no longer asks for this connection's thread
}

Awaitable<void> Connection::serve() {
  if (stream_.is_encrypted()) {
    const bool understood = co_await shake_hands();
    if (!understood) last_ = true;
  }
  while (!last_ && !gone_) {
    const bool has_request = co_await read_request();
    if (!has_request) break;
    co_await answer();
  }
  close();
}

void Connection::tick(Clock::time_point now) {
  if (phase_ == Phase::answering && now >= last_write_ + options_.limits.keep_alive) wake_.cancel();
  if (now < deadline_) return;
  if (phase_ == Phase::reading && !timed_out_) {
    timed_out_ = true;
    error_code ignored;
    stream_.socket().cancel(ignored);
  } else {
    close();
  }
}

void Connection::finish() {
  last_ = true;
  if (phase_ == Phase::idle) close();
}

void Connection::close() {
  gone_ = true;
  if (outbox_) outbox_->close();
  error_code ignored;
  stream_.socket().shutdown(Socket::shutdown_both, ignored);
  stream_.socket().close(ignored);
  wake_.cancel();
}

// --- reading a request
// ----------------------------------------------------------------------------------------

Awaitable<bool> Connection::shake_hands() {
  phase_ = Phase::reading;
  expire_after(options_.limits.read_time);
  const auto [error] = co_await stream_.async_handshake(kAwait);
  co_return !error;
}

Awaitable<bool> Connection::read_request() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(options_.limits.header_bytes));
  parser_->body_limit(options_.limits.body_bytes);

  phase_ = Phase::idle;
  expire_after(options_.limits.idle_time);
  if (buffer_.size() == 0) {
    const auto [error, size] = co_await stream_.async_read_some(buffer_.prepare(kReadSize), kAwait);
    if (error) co_return false;
    buffer_.commit(size);
  }
  phase_ = Phase::reading;
  visit_ = Visit();
  visit_.id = api::random_uuid();
  visit_begin_ = Clock::now();
  expire_after(options_.limits.read_time);
  const auto [error, size] = co_await http::async_read_header(stream_, buffer_, *parser_, kAwait);
  if (error) {
    Refusal refusal = refusal_of(error);
    co_await refuse(std::move(refusal));
    co_return false;
  }
  if (auto refusal = objection()) {  // before it makes the server hold a long body
    co_await refuse(*std::move(refusal));
    co_return false;
  }
  const bool whole = co_await read_body();
  co_return whole;
}

Awaitable<bool> Connection::read_body() {
  const auto expect = view(parser_->get()[http::field::expect]);
  if (equal_ignoring_case(expect, "100-continue") && !parser_->is_done()) {
    std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const bool written = co_await write(std::move(go_on));
    if (!written) co_return false;
  }
  while (!parser_->is_done()) {
    expire_after(options_.limits.read_time);
    const auto [error, size] = co_await http::async_read_some(stream_, buffer_, *parser_, kAwait);
    if (error) {
      Refusal refusal = refusal_of(error);
      co_await refuse(std::move(refusal));
      co_return false;
    }
  }
  co_return true;
}

// What to tell a client whose request could not be read; status 0 when nobody is there to hear it.
Connection::Refusal Connection::refusal_of(error_code error) const {
  const Limits& limits = options_.limits;
  if (timed_out_) return {408, "The request did not arrive in time"};
  if (error == http::error::end_of_stream) return {0, ""};  // between two requests
  if (error == http::error::body_limit)
    return {413, fmt::format("The request body is longer than the limit of {} bytes", limits.body_bytes)};
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return {431, fmt::format("The request header is longer than the limit of {} bytes", limits.header_bytes)};
  if (error.category() == make_error_code(http::error::bad_method).category())
    return {400, fmt::format("Malformed HTTP request: {}", error.message())};
  return {0, ""};  // the client is gone
}

// After a request that is not read to its end the connection is of no more use.
Awaitable<void> Connection::refuse(Refusal refusal) {
  last_ = true;
  if (refusal.status == 0) co_return;
  begin_visit();
  const std::string body = api::error_body(path(), refusal.status, refusal.message);
  const api::HttpHead head{.status = refusal.status};
  visit_.status = refusal.status;
  std::string bytes = head_text(head, body.size());
  bytes += body;
  co_await write(std::move(bytes));
  end_visit();
  co_await discard_rest();
}

// Closing with bytes unread would make the system drop the answer before the client has read it.
Awaitable<void> Connection::discard_rest() {
  phase_ = Phase::closing;
  expire_after(kDiscardTime);
  error_code ignored;
  stream_.socket().shutdown(Socket::shutdown_send, ignored);
  std::string rest(kReadSize, '\0');
  for (std::size_t discarded = 0; discarded < kDiscardBytes;) {
    const auto [error, size] = co_await stream_.async_read_some(asio::buffer(rest), kAwait);
    if (error) co_return;
    discarded += size;
  }
}

// --- answering
// ------------------------------------------------------------------------------------------------

std::string Connection::path() const {
  if (!parser_->is_header_done()) return "";
  std::string_view target = view(parser_->get().target());
  target = target.substr(0, target.find_first_of("?#"));
  if (!target.starts_with('/')) {  // absolute form: http://host/path
    const std::size_t host = target.find("://");
    const std::size_t slash = host == target.npos ? host : target.find('/', host + 3);
    target = slash == target.npos ? "/" : target.substr(slash);
  }
  return std::string(target);
}

// The key is in "Authorization: Bearer KEY" or, when there is none, in "x-api-key: KEY".
std::optional<std::string> Connection::caller() const {
  constexpr std::string_view kBearer = "Bearer ";
  const auto& request = parser_->get();
  const std::string_view authorization = view(request[http::field::authorization]);
  if (authorization.empty()) return options_.keys.caller(view(request["x-api-key"]));
  const bool is_bearer = equal_ignoring_case(authorization.substr(0, kBearer.size()), kBearer);
  return options_.keys.caller(is_bearer ? authorization.substr(kBearer.size()) : "");
}

// Why a request is not to be answered, by its header alone.
std::optional<Connection::Refusal> Connection::objection() const {
  const auto& request = parser_->get();
  if (!may_call(view(request[http::field::origin]), view(request[http::field::host]), options_.cors_origin))
    return Refusal{403, "Web pages of this origin may not call this server; --cors allows one"};
  if (is_preflight() || path() == "/health" || caller()) return std::nullopt;
  return Refusal{401, "Authentication Fails: this API key is not valid"};
}

bool Connection::is_preflight() const {
  const auto& request = parser_->get();
  return !options_.cors_origin.empty() && request.method() == http::verb::options &&
         !request["Access-Control-Request-Method"].empty();
}

Awaitable<void> Connection::answer() {
  phase_ = Phase::answering;
  last_write_ = Clock::now();
  auto& message = parser_->get();
  if (!message.keep_alive()) last_ = true;

  begin_visit();
  outbox_ = new_outbox();
  api::HttpRequest request;
  request.method = visit_.method == "HEAD" ? "GET" : visit_.method;
  request.path = visit_.path;
  request.caller = visit_.caller;
  if (options_.log_bodies) visit_.body = message.body();
  request.body = std::move(message.body());
  const int running = ++shared_.running[visit_.caller];
  const int most = visit_.caller.empty() ? 0 : options_.limits.requests_per_key;
  if (is_preflight()) {
    outbox_->send({.status = 204}, "");
  } else if (most > 0 && running > most) {
    outbox_->send({.status = 429, .retry_after = 1},
                  api::error_body(request.path, 429,
                                  fmt::format("This API key has {} requests under way already", most)));
  } else {
    dispatch(std::move(request));
  }
  co_await deliver();
  outbox_->close();
  visit_.facts = outbox_->facts();
  outbox_.reset();
  end_visit();
  if (--shared_.running[visit_.caller] == 0) shared_.running.erase(visit_.caller);
}

void Connection::dispatch(api::HttpRequest request) {
  if (request.path == "/health" && request.method == "GET") {
    outbox_->send({.status = 200}, R"({"status":"ok"})");
  } else if (request.path == "/metrics" && request.method == "GET") {
    outbox_->send({.status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8"}, metrics());
  } else {
    shared_.service.handle(std::move(request), outbox_);
  }
}

std::string Connection::metrics() const {
  std::string out;
  print_metric(out, "fathom_build_info", "gauge", "The version that runs.");
  print_sample(out, "fathom_build_info", label("version", kVersion), 1);
  print_metric(out, "fathom_resident_memory_bytes", "gauge", "Memory of this process, with what is mapped.");
  print_sample(out, "fathom_resident_memory_bytes", "", static_cast<double>(os::resident_bytes()));
  shared_.traffic.print(out);
  return out + shared_.service.metrics();
}

void Connection::begin_visit() {
  const bool is_read = parser_->is_header_done();
  visit_.method = is_read ? std::string(view(parser_->get().method_string())) : "";
  visit_.path = path();
  visit_.caller = is_read ? caller().value_or("") : "";
  const bool is_own = visit_.path == "/health" || visit_.path == "/metrics";
  visit_.route = is_own ? visit_.path : shared_.service.route(visit_.path);
  error_code ignored;
  visit_.client = stream_.socket().remote_endpoint(ignored).address().to_string();
}

void Connection::end_visit() {
  visit_.seconds = std::chrono::duration<double>(Clock::now() - visit_begin_).count();
  shared_.traffic.note(visit_);
}

std::shared_ptr<Outbox> Connection::new_outbox() {
  auto notify = [self = weak_from_this(), executor = stream_.get_executor()] {
    asio::post(executor, [self] {
      if (const auto connection = self.lock()) connection->wake_.cancel();
    });
  };
  return std::make_shared<Outbox>(options_.limits.unsent_bytes, std::move(notify));
}

std::string Connection::keep_alive_bytes(const api::HttpHead& head, Clock::time_point now) const {
  return now >= last_write_ + options_.limits.keep_alive ? head.keep_alive : "";
}

// Sends what the outbox brings until the answer is whole or the client is gone.
Awaitable<void> Connection::deliver() {
  deadline_ = Clock::time_point::max();
  watch();
  const bool is_head = parser_->get().method() == http::verb::head;
  const bool can_chunk = parser_->get().version() >= 11;
  std::optional<api::HttpHead> head;
  bool head_sent = false, chunked = false, whole = false;
  while (!gone_) {
    Outbox::Parts parts = outbox_->take();
    if (parts.head && !head_sent) head = std::move(parts.head);
    if (head && parts.bytes.empty() && !parts.ended) parts.bytes = keep_alive_bytes(*head, Clock::now());
    if (!head || (parts.bytes.empty() && !parts.ended)) {
      co_await wake_.async_wait(kAwait);
      continue;
    }
    std::string bytes;
    if (!head_sent) {
      chunked = !parts.ended && can_chunk;
      if (!parts.ended && !can_chunk) last_ = true;  // the end of the connection marks that of the body
      bytes = head_text(*head, parts.ended ? std::optional(parts.bytes.size()) : std::nullopt);
      head_sent = true;
      visit_.status = head->status;
    }
    if (!is_head) {
      if (chunked && !parts.bytes.empty())
        parts.bytes = fmt::format("{:x}\r\n{}\r\n", parts.bytes.size(), parts.bytes);
      bytes += parts.bytes;
      if (chunked && parts.ended) bytes += "0\r\n\r\n";
    }
    const bool written = co_await write(std::move(bytes));
    whole = written && parts.ended;
    if (!written || parts.ended) break;
  }
  visit_.cut_off = !whole;
  co_await stop_watching();
}

std::string Connection::head_text(const api::HttpHead& head, std::optional<std::size_t> length) const {
  const std::string_view reason =
      view(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(head.status))));
  // The SDKs of OpenAI and Anthropic look for the name of a request in different places.
  std::string text = fmt::format("HTTP/1.1 {} {}\r\nServer: fathom\r\nx-request-id: {}\r\nrequest-id: {}\r\n",
                                 head.status, reason, visit_.id, visit_.id);
  if (head.status != 204) text += fmt::format("Content-Type: {}\r\n", head.content_type);
  if (!length) {
    text += "Cache-Control: no-cache\r\n";
    if (parser_->get().version() >= 11) text += "Transfer-Encoding: chunked\r\n";
  } else if (head.status != 204) {
    text += fmt::format("Content-Length: {}\r\n", *length);
  }
  if (head.status == 401) text += "WWW-Authenticate: Bearer\r\n";
  if (head.retry_after > 0) text += fmt::format("Retry-After: {}\r\n", head.retry_after);
  if (!options_.cors_origin.empty()) {
    text += fmt::format("Access-Control-Allow-Origin: {}\r\nVary: Origin\r\n", options_.cors_origin);
    if (head.status == 204)
      text +=
          "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
          "Access-Control-Allow-Headers: *, Authorization\r\nAccess-Control-Max-Age: 86400\r\n";
  }
  text += last_ ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
  return text;
}

Awaitable<bool> Connection::write(std::string bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    expire_after(options_.limits.write_time);
    const auto [error, size] =
        co_await stream_.async_write_some(asio::buffer(bytes.data() + sent, bytes.size() - sent), kAwait);
    if (error) {
      gone_ = true;
      co_return false;
    }
    sent += size;
    visit_.sent += size;
  }
  last_write_ = Clock::now();
  if (phase_ == Phase::answering) deadline_ = Clock::time_point::max();
  co_return true;
}

// While an answer is being made the client says nothing, or sends its next request, or goes away.
void Connection::watch() {
  if (buffer_.size() > 0) return;  // the next request is there already
  watching_ = true;
  auto on_read = [self = shared_from_this()](error_code error, std::size_t size) {
    self->watching_ = false;
    self->buffer_.commit(size);
    if (error && error != asio::error::operation_aborted) {
      self->gone_ = true;
      self->outbox_->close();
    }
    self->wake_.cancel();
  };
  stream_.async_read_some(buffer_.prepare(kReadSize),
                          asio::bind_cancellation_slot(stop_watch_.slot(), std::move(on_read)));
}

Awaitable<void> Connection::stop_watching() {
  if (watching_) stop_watch_.emit(asio::cancellation_type::all);
  while (watching_) co_await wake_.async_wait(kAwait);
}

}  // namespace fathom::server
