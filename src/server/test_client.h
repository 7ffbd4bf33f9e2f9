// For tests: a client that says exactly what it is told, byte for byte, and a service that tests speak for.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http.h"

namespace fathom::server {

class TestClient {
 public:
  explicit TestClient(std::uint16_t port, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0)
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool connected() const { return connected_; }
  int descriptor() const { return socket_; }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  void shut_sending() { ::shutdown(socket_, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // One read more into received(); false at the end of the stream, or when nothing came for half a minute.
  bool receive() {
    pollfd waiting = {socket_, POLLIN, 0};
    if (::poll(&waiting, 1, 30'000) <= 0) return false;
    char buffer[16384];
    const auto size = ::recv(socket_, buffer, sizeof(buffer), 0);
    if (size <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(size));
    return true;
  }
  const std::string& received() const { return received_; }

  // Reads until `text` has come.
  bool receive_until(std::string_view text) {
    while (received_.find(text) == received_.npos) {
      if (!receive()) return false;
    }
    return true;
  }
  std::string receive_all() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }

  struct Response {
    int status = 0;
    std::string head;
    std::string body;
  };
  // The next response; status 0 when the connection ended before it.
  Response response(bool has_body = true) {
    Response response;
    if (!receive_until("\r\n\r\n")) return response;
    response.head = take(received_.find("\r\n\r\n") + 4);
    response.status = std::atoi(response.head.c_str() + 9);
    if (!has_body) return response;
    if (response.head.find("chunked") != std::string::npos) {
      while (receive_until("\r\n")) {
        const std::size_t size = std::strtoul(take(received_.find("\r\n") + 2).c_str(), nullptr, 16);
        while (received_.size() < size + 2 && receive()) {
        }
        response.body += take(size + 2).substr(0, size);
        if (size == 0) return response;
      }
    } else if (const auto at = response.head.find("Content-Length: "); at != std::string::npos) {
      const std::size_t size = std::strtoul(response.head.c_str() + at + 16, nullptr, 10);
      while (received_.size() < size && receive()) {
      }
      response.body = take(size);
    } else {
      response.body = receive_all();
    }
    return response;
  }

  Response get(std::string_view path) {
    send(std::string("GET ") + std::string(path) + " HTTP/1.1\r\nHost: test\r\n\r\n");
    return response();
  }
  Response post(std::string_view path, std::string_view body) {
    send(post_bytes(path, body));
    return response();
  }
  static std::string post_bytes(std::string_view path, std::string_view body) {
    return std::string("POST ") + std::string(path) +
           " HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  }

 private:
  std::string take(std::size_t size) {
    size = std::min(size, received_.size());
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  int socket_;
  bool connected_ = false;
  std::string received_;
};

// Answers /echo with the body of the request; all others wait until the test takes them and answers.
class TestService final : public api::Service {
 public:
  struct Call {
    api::HttpRequest request;
    std::shared_ptr<api::HttpReply> reply;
  };

  void handle(api::HttpRequest request, std::shared_ptr<api::HttpReply> reply) override {
    if (request.path == "/echo") return reply->send({.content_type = "text/plain"}, request.body);
    const std::lock_guard lock(mutex_);
    calls_.push_back({std::move(request), std::move(reply)});
    came_.notify_all();
  }

  std::string route(std::string_view path) const override { return path == "/echo" ? "/echo" : "other"; }
  std::string metrics() const override { return "service_up 1\n"; }

  Call next() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [this] { return !calls_.empty(); });
    Call call = std::move(calls_.front());
    calls_.erase(calls_.begin());
    return call;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Call> calls_;
};

// Waits for what another thread is about to do. Half a minute of patience: only a failing test takes it.
template <class Condition>
bool eventually(Condition&& condition) {
  for (int i = 0; i < 30'000; ++i) {
    if (condition()) return true;
    ::usleep(1000);
  }
  return false;
}

}  // namespace fathom::server
