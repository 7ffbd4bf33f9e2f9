#include "cli/eval/perplexity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>

#include "model/forward.h"
#include "model/sequence.h"
#include "text/markup.h"

namespace fathom::eval {
namespace {

constexpr double kLn2 = 0.693147180559945309;
constexpr std::int64_t kLogitsInMemory = 16 << 20;  // values: rows of a pass times the vocabulary

// One pass after the other through one window.
class Window {
 public:
  Window(const Subject& subject, model::Forward& forward, std::int32_t begin)
      : subject_(subject), forward_(forward), sequence_(subject.model.kv), last_(begin) {}

  // Foretells the tokens and takes them in. At most as many as fit into a pass.
  Status read(std::span<const std::int32_t> tokens, PerplexityResult& result) {
    // Row i of the pass foretells tokens[i], so it is fed what stands before that.
    std::vector<std::int32_t> fed = {last_};
    fed.insert(fed.end(), tokens.begin(), tokens.end() - 1);
    const std::int64_t depth = sequence_.length();
    const model::Segment segment{&sequence_, fed, model::LogitRows::all};
    try {
      FATHOM_TRY_STATUS(forward_.run({&segment, 1}));
    } catch (const std::bad_alloc&) {
      return fail(ErrorCode::out_of_memory,
                  "there is not enough memory for this context; give a smaller --context");
    }
    last_ = tokens.back();
    const auto vocab = static_cast<std::size_t>(subject_.model.config.vocab);
    std::vector<double> nats(tokens.size());
    subject_.pool.run(tokens.size(), [&](std::size_t i, int) {
      nats[i] = surprise(forward_.logits().subspan(i * vocab, vocab), tokens[i]);
    });
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const auto bytes = static_cast<std::int64_t>(subject_.tokenizer.token_bytes(tokens[i]).size());
      result.all.add(bytes, nats[i]);
      result.by_depth[range_of(depth + static_cast<std::int64_t>(i))].add(bytes, nats[i]);
    }
    return {};
  }

 private:
  const Subject& subject_;
  model::Forward& forward_;
  model::Sequence sequence_;
  std::int32_t last_;
};

}  // namespace

void Surprise::add(std::int64_t more_bytes, double more_nats) {
  ++tokens;
  bytes += more_bytes;
  nats += more_nats;
}

double Surprise::nats_per_token() const {
  return tokens > 0 ? nats / static_cast<double>(tokens) : 0;
}
double Surprise::perplexity() const {
  return std::exp(nats_per_token());
}
double Surprise::bits_per_byte() const {
  return bytes > 0 ? nats / kLn2 / static_cast<double>(bytes) : 0;
}

std::size_t range_of(std::int64_t depth) {
  std::size_t i = 0;
  while (depth >= kDepthRanges[i].end) ++i;
  return i;
}

double surprise(std::span<const float> logits, std::int32_t token) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - largest));
  return std::log(sum) - static_cast<double>(logits[static_cast<std::size_t>(token)] - largest);
}

Result<PerplexityResult> measure_perplexity(
    const Subject& subject, std::string_view text, const PerplexityOptions& options,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::int32_t> tokens = subject.tokenizer.encode(text, text::EncodeMode::plain);
  if (tokens.empty())
    return fail(ErrorCode::invalid_argument, "the text is empty; perplexity needs at least one token");
  if (options.most_tokens > 0 && static_cast<std::int64_t>(tokens.size()) > options.most_tokens)
    tokens.resize(static_cast<std::size_t>(options.most_tokens));

  PerplexityResult result;
  const std::int64_t most = subject.model.config.max_positions;
  result.context = options.context > 0 ? std::min(options.context, most) : most;
  result.text_tokens = static_cast<std::int64_t>(tokens.size());
  const std::int64_t pass =
      std::clamp<std::int64_t>(kLogitsInMemory / subject.model.config.vocab, 1, model::Forward::kMaxTokens);
  const std::int32_t begin = *subject.tokenizer.token_id(text::kBeginOfSentence);
  model::Forward forward(subject.model, subject.pool);
  for (std::int64_t window_begin = 0; window_begin < result.text_tokens; window_begin += result.context) {
    const std::int64_t window_end = std::min(window_begin + result.context, result.text_tokens);
    Window window(subject, forward, begin);
    for (std::int64_t done = window_begin; done < window_end;) {
      if (subject.is_cancelled()) {
        result.is_complete = false;
        break;
      }
      const std::int64_t count = std::min(pass, window_end - done);
      FATHOM_TRY_STATUS(window.read(
          std::span(tokens).subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count)),
          result));
      done += count;
      if (progress) progress(done, result.text_tokens);
    }
    if (!result.is_complete) break;
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace fathom::eval
