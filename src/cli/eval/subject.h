// The model under test, with all that a measurement needs to ask it.
// Ownership: refers only; everything must outlive the measurement. Thread safety: one measurement at a time,
// because the pool serves one.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "model/model.h"
#include "os/thread_pool.h"
#include "text/prompt.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace fathom::eval {

struct Subject {
  const model::Model& model;
  os::ThreadPool& pool;
  const text::Tokenizer& tokenizer;
  text::EffortTable effort_table = text::EffortTable::v0423;
  std::function<bool()> cancelled;  // asked between passes, from any thread; may be null

  bool is_cancelled() const { return cancelled && cancelled(); }

  // What the model wrote, as valid UTF-8 even where it wrote parts of code points.
  std::string text_of(std::span<const std::int32_t> tokens) const {
    text::Utf8Decoder decoder;
    const std::string text = decoder.push(tokenizer.decode(tokens));
    return text + decoder.flush();
  }
};

}  // namespace fathom::eval
