#include "engine/generator.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace fathom::engine {
namespace {

// A checkpoint of Flash takes about 4 MB; older turns are rewound to less often.
constexpr std::size_t kMaxCheckpoints = 16;

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

bool is_cancelled(const Cancelled& cancelled) {
  return cancelled && cancelled();
}

double rate(std::int64_t tokens, double seconds) {
  return tokens > 0 && seconds > 0 ? static_cast<double>(tokens) / seconds : 0;
}

}  // namespace

double Generation::prefill_rate() const {
  return rate(prompt_tokens - cached_tokens, prefill_seconds);
}
double Generation::decode_rate() const {
  return rate(static_cast<std::int64_t>(tokens.size()) - 1, decode_seconds);
}

Generator::Generator(const model::Model& model, os::ThreadPool& pool)
    : model_(&model), forward_(model, pool), sequence_(model.kv) {}

void Generator::keep_checkpoint() {
  if (!checkpoints_.empty() && checkpoints_.back().length == sequence_.length()) return;
  if (checkpoints_.size() == kMaxCheckpoints) checkpoints_.erase(checkpoints_.begin());
  checkpoints_.push_back(sequence_.checkpoint());
}

void Generator::rewind_to_prefix_of(std::span<const std::int32_t> prompt) {
  const auto differs = std::mismatch(tokens_.begin(), tokens_.end(), prompt.begin(), prompt.end()).first;
  // At least the last token must run again, for its logits.
  const auto usable =
      std::min<std::int64_t>(differs - tokens_.begin(), static_cast<std::int64_t>(prompt.size()) - 1);
  if (usable == sequence_.length()) return;

  while (!checkpoints_.empty() && checkpoints_.back().length > usable) checkpoints_.pop_back();
  if (checkpoints_.empty()) {
    sequence_ = model::Sequence(model_->kv);
  } else {
    sequence_.rewind(checkpoints_.back());
  }
  tokens_.resize(static_cast<std::size_t>(sequence_.length()));
}

Result<std::int64_t> Generator::prefill(std::span<const std::int32_t> prompt, const PrefillOptions& options) {
  if (prompt.empty())
    return fail(ErrorCode::invalid_argument, "the prompt is empty; it needs at least one token");
  rewind_to_prefix_of(prompt);

  const std::int64_t size = static_cast<std::int64_t>(prompt.size());
  const std::int64_t cached = sequence_.length();
  const std::int64_t chunk = std::clamp<std::int64_t>(options.chunk, 1, model::Forward::kMaxTokens);
  for (std::int64_t done = cached; done < size;) {
    if (is_cancelled(options.cancelled))
      return fail(ErrorCode::cancelled, "stopped while reading the prompt");
    // The last token runs alone, so that the checkpoint can lie before it.
    if (done == size - 1) keep_checkpoint();
    const std::int64_t count = done == size - 1 ? 1 : std::min(chunk, size - 1 - done);
    const auto tokens = prompt.subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count));
    const auto wanted = done == size - 1 ? model::LogitRows::last : model::LogitRows::none;
    const model::Segment segment{&sequence_, tokens, wanted};
    FATHOM_TRY_STATUS(forward_.run({&segment, 1}));
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    done += count;
    if (options.progress) options.progress(done - cached, size - cached);
  }
  return cached;
}

Status Generator::step(std::int32_t token) {
  const model::Segment segment{&sequence_, {&token, 1}, model::LogitRows::last};
  FATHOM_TRY_STATUS(forward_.run({&segment, 1}));
  tokens_.push_back(token);
  return {};
}

Result<Generation> Generator::generate(std::span<const std::int32_t> prompt, const GenerateOptions& options) {
  FATHOM_TRY_STATUS(check(options.sampling));
  const std::int64_t limit = model_->config.max_positions;
  const std::int64_t context = options.context > 0 ? std::min(options.context, limit) : limit;
  if (static_cast<std::int64_t>(prompt.size()) >= context)
    return fail(ErrorCode::invalid_argument,
                "the prompt has {} tokens, but the context holds {} with the answer (the model allows {}); "
                "shorten the prompt{}",
                prompt.size(), context, limit, context < limit ? " or raise the context limit" : "");

  Generation result;
  result.prompt_tokens = static_cast<std::int64_t>(prompt.size());
  const Stopwatch since_call;
  if (auto cached = prefill(prompt, options.prefill); cached) {
    result.cached_tokens = *cached;
  } else if (cached.error().code == ErrorCode::cancelled) {
    result.finish = Finish::cancelled;
    return result;
  } else {
    return tl::unexpected(std::move(cached).error());
  }
  result.prefill_seconds = since_call.seconds();

  Sampler sampler(options.sampling);
  Stopwatch since_first_token;
  for (;;) {
    const auto drawn = static_cast<std::int64_t>(result.tokens.size());
    if (options.max_tokens >= 0 && drawn >= options.max_tokens) {
      result.finish = Finish::max_tokens;
      break;
    }
    if (result.prompt_tokens + drawn >= context) {
      result.finish = Finish::context_full;
      break;
    }
    if (is_cancelled(options.prefill.cancelled)) {
      result.finish = Finish::cancelled;
      break;
    }
    // Each token but the first needs the pass of the one before it.
    if (drawn > 0) FATHOM_TRY_STATUS(step(result.tokens.back()));
    const auto allowed =
        options.constraint ? options.constraint->allowed() : std::span<const std::uint64_t>();
    const auto sampled = sampler.sample(logits(), sequence_.length(), allowed);
    if (!sampled || (options.constraint && !options.constraint->accept(*sampled)))
      return fail(ErrorCode::unsupported, "the grammar of the answer allows no token of the vocabulary here");
    const std::int32_t token = *sampled;
    result.tokens.push_back(token);
    if (drawn == 0) {
      result.first_token_seconds = since_call.seconds();
      since_first_token = Stopwatch();
    } else {
      result.decode_seconds = since_first_token.seconds();
    }
    if (options.on_token) options.on_token(token);
    if (std::find(options.stop_ids.begin(), options.stop_ids.end(), token) != options.stop_ids.end()) {
      result.finish = Finish::stop;
      break;
    }
  }
  return result;
}

}  // namespace fathom::engine
