// Notes one turn while the model writes it, for a TurnMemory.
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/event.h"
#include "api/turn_memory.h"

namespace fathom::api {

class TurnRecorder {
 public:
  struct Setup {
    std::shared_ptr<TurnMemory> memory;
    std::string user;
    std::uint64_t history;
    std::vector<std::int32_t> begun;  // tokens of the turn that the prompt ends with
    bool thinks;                      // the turn begins inside the reasoning
    std::int32_t think_end;           // the token
  };
  explicit TurnRecorder(Setup setup);

  void token(std::int32_t token);  // not the one that ends the answer
  void part(const AnswerPart& part);

  // The turn is complete, and the client may call it `turn_id`.
  void keep(std::string turn_id);

 private:
  Setup setup_;
  text::SampledTurn sampled_;
  text::Message turn_;
  std::string arguments_;  // of the call that is being written
};

}  // namespace fathom::api
