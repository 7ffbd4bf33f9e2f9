// The HTTP/1.1 server: connections, limits, keys; what requests mean is the business of an api::Service.
//
// One thread runs all connections and never waits for the service. Also answered here: GET /health, GET
// /metrics, and what is wrong with a request before the service could read it (400, 401, 403, 408, 413, 429,
// 431, 503).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/http.h"
#include "base/result.h"
#include "server/keys.h"

namespace fathom::server {

struct Limits {
  std::size_t header_bytes = 64 << 10;
  std::uint64_t body_bytes = 48 << 20;
  std::size_t unsent_bytes = 256 << 10;          // of an answer, before its making waits for the client
  int connections = 4096;                        // more get 503
  int requests_per_key = 0;                      // at a time; more get 429; 0: any number
  std::chrono::milliseconds idle_time{75'000};   // between two requests of a connection
  std::chrono::milliseconds read_time{15'000};   // for a header, and from one part of a body to the next
  std::chrono::milliseconds write_time{60'000};  // without the client taking a byte
  std::chrono::milliseconds keep_alive{5'000};   // of silence, before the client gets a sign of life
};

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any that is free
  Limits limits;
  Keys keys;
  std::string cors_origin;  // pages of this origin ("*": all) may call the API; empty: none

  // PEM files; both or neither: then the bytes go unencrypted.
  std::filesystem::path tls_certificate, tls_key;

  // Gets one line of JSON for each request, from the server's thread; may be empty.
  std::function<void(std::string_view line)> access_log;
  bool log_bodies = false;  // what clients send, with all that they say to the model
};

// Ownership: the service must outlive the server. Thread safety: any thread.
class Server {
 public:
  // Listens and serves from then on. Errors: invalid_argument for a host that cannot be resolved and for TLS
  // files that cannot be used, io for an address that cannot be bound.
  static Result<std::unique_ptr<Server>> start(Options options, api::Service& service);

  // Closes all connections.
  ~Server();

  std::uint16_t port() const;
  int connections() const;  // open now

  // Takes no more requests; what is being answered may finish within `patience`. False when something had to
  // be cut off.
  bool drain(std::chrono::milliseconds patience);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom::server
