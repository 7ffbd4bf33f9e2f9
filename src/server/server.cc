#include "server/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "api/errors.h"
#include "server/connection.h"
#include "server/tls.h"

namespace fathom::server {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable_t<Executor>());
constexpr std::chrono::milliseconds kTick{100};

// A connection is a file descriptor; the usual soft limit of 1024 is less than what is served.
void allow_many_descriptors() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void turn_away(Socket& socket) {
  const std::string body = api::error_body("", 503, "Too many connections; please try again later");
  const std::string text = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "Retry-After: 1\r\nConnection: close\r\n\r\n{}",
      body.size(), body);
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
  socket.shutdown(Socket::shutdown_send, ignored);
}

}  // namespace

struct Server::Impl {
  Impl(Options given, api::Service& to)
      : options(std::move(given)), shared{options, to, Traffic(options.access_log), {}} {}

  Status listen();
  Awaitable<void> accept();
  Awaitable<void> tick();
  void add(Socket socket);
  void remove(const std::shared_ptr<Connection>& connection);
  bool wait_until_empty(Clock::time_point deadline);

  const Options options;
  Shared shared;
  std::unique_ptr<asio::ssl::context> tls;
  std::uint16_t port = 0;
  asio::io_context io{1};
  Acceptor acceptor{io};
  Timer ticker{io};
  std::set<std::shared_ptr<Connection>> connections;  // of the server's thread
  std::thread thread;

  std::atomic<int> count = 0;  // of connections
  std::mutex mutex;
  bool closed = false;  // to new connections
  std::condition_variable changed;
};

Status Server::Impl::listen() {
  error_code error;
  asio::ip::basic_resolver<asio::ip::tcp, Executor> resolver(io);
  const auto found = resolver.resolve(options.host, std::to_string(options.port), error);
  if (error || found.empty())
    return fail(ErrorCode::invalid_argument,
                "cannot listen on host '{}': {}; name an address of this machine", options.host,
                error.message());
  const asio::ip::tcp::endpoint endpoint = *found.begin();
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(Acceptor::max_listen_connections, error);
  if (error)
    return fail(ErrorCode::io, "cannot listen on {}:{}: {}; is another server there? --port names another",
                options.host, options.port, error.message());
  port = acceptor.local_endpoint(error).port();
  return {};
}

Awaitable<void> Server::Impl::accept() {
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (!acceptor.is_open()) break;
    if (!error) {
      add(std::move(socket));
    } else {  // no descriptors left, most likely: wait until some are closed
      Timer pause(io, kTick);
      co_await pause.async_wait(kAwait);
    }
  }
}

void Server::Impl::add(Socket socket) {
  if (static_cast<int>(connections.size()) >= options.limits.connections) return turn_away(socket);
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  auto connection = std::make_shared<Connection>(std::move(socket), tls.get(), shared);
  connections.insert(connection);
  count = static_cast<int>(connections.size());
  // A connection that fails, for want of memory say, takes nobody with it.
  asio::co_spawn(io, connection->serve(),
                 [this, connection](const std::exception_ptr&) { remove(connection); });
}

void Server::Impl::remove(const std::shared_ptr<Connection>& connection) {
  connection->close();
  connections.erase(connection);
  const std::lock_guard lock(mutex);
  count = static_cast<int>(connections.size());
  changed.notify_all();
}

Awaitable<void> Server::Impl::tick() {
  for (;;) {
    ticker.expires_after(kTick);
    const auto [error] = co_await ticker.async_wait(kAwait);
    if (error) co_return;
    for (const auto& connection : connections) connection->tick(Clock::now());
  }
}

bool Server::Impl::wait_until_empty(Clock::time_point deadline) {
  std::unique_lock lock(mutex);
  return changed.wait_until(lock, deadline, [this] { return closed && count == 0; });
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::start(Options options, api::Service& service) {
  allow_many_descriptors();
  auto impl = std::make_unique<Impl>(std::move(options), service);
  if (!impl->options.tls_certificate.empty() || !impl->options.tls_key.empty()) {
    FATHOM_TRY(impl->tls, load_tls(impl->options.tls_certificate, impl->options.tls_key));
  }
  FATHOM_TRY_STATUS(impl->listen());
  asio::co_spawn(impl->io, impl->accept(), asio::detached);
  asio::co_spawn(impl->io, impl->tick(), asio::detached);
  try {
    impl->thread = std::thread([&io = impl->io] { io.run(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::io, "cannot start the server's thread: {}", error.what());
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::~Server() {
  drain(std::chrono::milliseconds(0));
  impl_->io.stop();
  impl_->thread.join();
}

std::uint16_t Server::port() const {
  return impl_->port;
}

int Server::connections() const {
  return impl_->count;
}

bool Server::drain(std::chrono::milliseconds patience) {
  asio::post(impl_->io, [impl = impl_.get()] {
    error_code ignored;
    impl->acceptor.close(ignored);
    for (const auto& connection : impl->connections) connection->finish();
    const std::lock_guard lock(impl->mutex);
    impl->closed = true;
    impl->changed.notify_all();
  });
  const bool finished = impl_->wait_until_empty(Clock::now() + patience);
  if (finished) return true;
  asio::post(impl_->io, [impl = impl_.get()] {
    for (const auto& connection : impl->connections) connection->close();
  });
  // Closed connections end by themselves.
  while (!impl_->wait_until_empty(Clock::now() + kTick)) {
  }
  return finished;
}

}  // namespace fathom::server
