// The HTTP/1.1 server: connections, limits, keys; what requests mean is the business of an api::Service.
//
// One thread runs all connections and never waits for the service. Also answered here: GET /health, and what
// is wrong with a request before the service could read it (400, 401, 408, 413, 431, 503).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "api/http.h"
#include "base/result.h"
#include "server/keys.h"

namespace fathom::server {

struct Limits {
  std::size_t header_bytes = 64 << 10;
  std::uint64_t body_bytes = 48 << 20;
  std::size_t unsent_bytes = 256 << 10;          // of an answer, before its making waits for the client
  int connections = 4096;                        // more get 503
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
};

// Ownership: the service must outlive the server. Thread safety: any thread.
class Server {
 public:
  // Listens and serves from then on. Errors: invalid_argument for a host that cannot be resolved, io for an
  // address that cannot be bound.
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
