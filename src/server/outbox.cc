#include "server/outbox.h"

#include <utility>

namespace fathom::server {

void Outbox::send(api::HttpHead head, std::string body) {
  const std::lock_guard lock(mutex_);
  if (parts_.ended) return;
  parts_.head = std::move(head);
  parts_.bytes += body;
  parts_.ended = true;
  notify();
}

void Outbox::begin(api::HttpHead head) {
  const std::lock_guard lock(mutex_);
  if (parts_.ended) return;
  parts_.head = std::move(head);
  notify();
}

void Outbox::write(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (parts_.ended || closed_) return;
  parts_.bytes += bytes;
  notify();
}

void Outbox::end() {
  const std::lock_guard lock(mutex_);
  if (parts_.ended) return;
  parts_.ended = true;
  notify();
}

api::Demand Outbox::demand() const {
  const std::lock_guard lock(mutex_);
  if (closed_) return api::Demand::none;
  return parts_.bytes.size() > capacity_ ? api::Demand::later : api::Demand::more;
}

void Outbox::report(const api::RequestFacts& facts) {
  const std::lock_guard lock(mutex_);
  facts_ = facts;
}

api::RequestFacts Outbox::facts() const {
  const std::lock_guard lock(mutex_);
  return facts_;
}

Outbox::Parts Outbox::take() {
  const std::lock_guard lock(mutex_);
  notified_ = false;
  Parts taken{std::exchange(parts_.head, std::nullopt), std::exchange(parts_.bytes, {}), parts_.ended};
  return taken;
}

void Outbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  notify_ = nullptr;
  parts_.bytes.clear();
}

// The lock is held: close() can then say that no notification comes any more.
void Outbox::notify() {
  if (notified_ || !notify_) return;
  notified_ = true;
  notify_();
}

}  // namespace fathom::server
