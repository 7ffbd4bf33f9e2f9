// The turns that a model wrote, as the tokens that it wrote. Clients bring turns back as text, often without
// the reasoning and with arguments that they have parsed and printed again; rendered from that, the prompt
// would no longer begin with what the model has already seen, and its cached state would be of no use.
//
// A turn is found by the name of a call or of the turn itself, which nobody can guess; a turn without calls
// also by all that was said up to its end. What the client has really changed is not restored: its version
// counts.
// Ownership: keeps turns until their number of bytes is beyond the capacity; those not used for longest go
// first. Thread safety: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/message.h"

namespace fathom::api {

// What the messages of a conversation say, but for its system messages, as one number.
std::uint64_t history_of(std::span<const text::Message> messages);

class TurnMemory {
 public:
  static constexpr std::size_t kDefaultCapacity = 64 << 20;

  explicit TurnMemory(std::size_t capacity = kDefaultCapacity) : capacity_(capacity) {}

  // Keeps the tokens of `turn`, which is what the client got: its reasoning, content, calls and turn_id.
  // `history` is that of the messages before it. Only `user` will find it.
  void remember(std::string_view user, std::uint64_t history, const text::Message& turn,
                text::SampledTurn sampled);

  // Gives the messages of the assistant the tokens that they were made of, where these are known.
  void restore(std::string_view user, std::vector<text::Message>& messages);

  std::size_t bytes() const;

 private:
  struct Call {
    std::string id;
    std::size_t said;  // name and arguments
  };
  struct Entry {
    std::vector<std::string> keys;
    std::size_t content, reasoning;  // hashes
    std::vector<Call> calls;
    std::shared_ptr<const text::SampledTurn> sampled;
    std::size_t bytes;
  };
  using Entries = std::list<Entry>;  // the last used one first

  static std::vector<Call> calls_of(const text::Message& message);
  static bool is_unchanged(const Entry& entry, const text::Message& message);
  const Entry* find(const std::vector<std::string>& keys);
  void erase(Entries::iterator entry);

  const std::size_t capacity_;
  mutable std::mutex mutex_;  // of what follows
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> by_key_;
  std::size_t bytes_ = 0;
};

}  // namespace fathom::api
