#include "api/turn_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "api/conversation.h"

namespace fathom::api {

using text::Json;
using text::Message;
using text::Role;

namespace {

constexpr std::size_t kEntryBytes = 512;  // of an entry, beyond tokens and keys

std::size_t hash(std::string_view text) {
  return std::hash<std::string_view>()(text);
}

// Clients trim what they show.
std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == text.npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// The same text for all ways to print the same value: 3.0 and 3, members in any order.
std::string canonical(const Json& value) {
  if (value.kind == Json::Kind::number) return fmt::format("{}", value.number().value_or(0));
  std::vector<std::string> parts;
  for (const Json& item : value.items) parts.push_back(canonical(item));
  for (const auto& member : value.members)
    parts.push_back(fmt::format("\"{}\":{}", text::escape_json(member.key), canonical(member.value)));
  if (value.is_object()) std::sort(parts.begin(), parts.end());
  if (value.is_array() || value.is_object())
    return fmt::format("{}{}", value.is_array() ? 'a' : 'o', fmt::join(parts, ","));
  return text::to_python_json(value);
}

std::uint64_t extended(std::uint64_t history, std::string_view text) {
  return (history ^ hash(text)) * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
}

std::uint64_t extended(std::uint64_t history, const Message& message) {
  if (message.role == Role::system) return history;  // clients put the time of day and the like there
  history = extended(history, message.role == Role::assistant ? "assistant" : "user");
  history = extended(history, trimmed(message.content));
  for (const text::ToolCall& call : message.tool_calls) history = extended(history, call.id);
  return history;
}

// The names under which a turn may be found.
std::vector<std::string> keys_of(std::string_view user, std::uint64_t history, const Message& turn) {
  std::vector<std::string> keys;
  for (const text::ToolCall& call : turn.tool_calls) keys.push_back(fmt::format("{}\n{}", user, call.id));
  if (!turn.turn_id.empty()) keys.push_back(fmt::format("{}\n{}", user, turn.turn_id));
  if (turn.tool_calls.empty()) keys.push_back(fmt::format("{}\n#{:016x}", user, extended(history, turn)));
  return keys;
}

}  // namespace

std::uint64_t history_of(std::span<const Message> messages) {
  std::uint64_t history = 0;
  for (const Message& message : messages) history = extended(history, message);
  return history;
}

std::vector<TurnMemory::Call> TurnMemory::calls_of(const Message& message) {
  std::vector<Call> calls;
  for (const text::ToolCall& call : message.tool_calls)
    calls.push_back({call.id, hash(call.name + "\n" + canonical(call.arguments))});
  return calls;
}

// Content and reasoning that are missing were dropped on the way; the calls say which turn it is.
bool TurnMemory::is_unchanged(const Entry& entry, const Message& message) {
  const std::vector<Call> calls = calls_of(message);
  const auto same = [](const Call& a, const Call& b) { return a.id == b.id && a.said == b.said; };
  if (!std::equal(calls.begin(), calls.end(), entry.calls.begin(), entry.calls.end(), same)) return false;
  const std::string_view content = trimmed(message.content);
  const std::string_view reasoning = trimmed(message.reasoning);
  const bool may_lack_content = content.empty() && !calls.empty();
  return (may_lack_content || hash(content) == entry.content) &&
         (reasoning.empty() || hash(reasoning) == entry.reasoning);
}

void TurnMemory::remember(std::string_view user, std::uint64_t history, const Message& turn,
                          text::SampledTurn sampled) {
  Entry entry;
  entry.keys = keys_of(user, history, turn);
  entry.content = hash(trimmed(turn.content));
  entry.reasoning = hash(trimmed(turn.reasoning));
  entry.calls = calls_of(turn);
  entry.bytes = kEntryBytes + sampled.tokens.size() * sizeof(std::int32_t);
  for (const std::string& key : entry.keys) entry.bytes += 2 * key.size();
  entry.sampled = std::make_shared<const text::SampledTurn>(std::move(sampled));

  const std::lock_guard lock(mutex_);
  for (const std::string& key : entry.keys) {
    if (const auto old = by_key_.find(key); old != by_key_.end()) erase(old->second);
  }
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  for (const std::string& key : entries_.front().keys) by_key_[key] = entries_.begin();
  while (bytes_ > capacity_) erase(std::prev(entries_.end()));
}

void TurnMemory::erase(Entries::iterator entry) {
  for (const std::string& key : entry->keys) by_key_.erase(key);
  bytes_ -= entry->bytes;
  entries_.erase(entry);
}

const TurnMemory::Entry* TurnMemory::find(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) continue;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &entries_.front();
  }
  return nullptr;
}

void TurnMemory::restore(std::string_view user, std::vector<Message>& messages) {
  std::uint64_t history = 0;
  for (Message& message : messages) {
    if (message.role == Role::assistant) {
      const std::vector<std::string> keys = keys_of(user, history, message);
      const std::lock_guard lock(mutex_);
      if (const Entry* entry = find(keys); entry && is_unchanged(*entry, message)) {
        message.sampled = entry->sampled;
        message.has_reasoning |= entry->sampled->thinks;
      }
    }
    history = extended(history, message);
  }
}

std::size_t TurnMemory::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace fathom::api
