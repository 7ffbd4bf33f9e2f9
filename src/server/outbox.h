// An answer on its way from the threads that make it to the connection that sends it.
// Thread safety: the HttpReply side and the connection's side may be used at the same time.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/http.h"

namespace fathom::server {

class Outbox final : public api::HttpReply {
 public:
  // `notify` is called when there is something to take, from the thread that brings it; not again before the
  // next take(), and never after close(). More than `capacity` bytes waiting is a slow reader.
  Outbox(std::size_t capacity, std::function<void()> notify)
      : capacity_(capacity), notify_(std::move(notify)) {}

  void send(api::HttpHead head, std::string body) override;
  void begin(api::HttpHead head) override;
  void write(std::string_view bytes) override;
  void end() override;
  api::Demand demand() const override;
  void report(const api::RequestFacts& facts) override;

  struct Parts {
    std::optional<api::HttpHead> head;  // when there is a new one
    std::string bytes;
    bool ended = false;  // nothing comes after this
  };
  Parts take();

  api::RequestFacts facts() const;

  // The client is gone: what still comes is dropped.
  void close();

 private:
  void notify();

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::function<void()> notify_;
  bool notified_ = false;
  bool closed_ = false;
  Parts parts_;
  api::RequestFacts facts_;
};

}  // namespace fathom::server
