// The model under test, with all that a measurement needs to ask it.
// Ownership: refers only; everything must outlive the measurement. Thread safety: one measurement at a time,
// because the pool serves one.
#pragma once

#include <functional>

#include "model/model.h"
#include "os/thread_pool.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

namespace fathom::eval {

struct Subject {
  const model::Model& model;
  os::ThreadPool& pool;
  const text::Tokenizer& tokenizer;
  text::EffortTable effort_table = text::EffortTable::v0423;
  std::function<bool()> cancelled;  // asked between passes, from any thread; may be null

  bool is_cancelled() const { return cancelled && cancelled(); }
};

}  // namespace fathom::eval
