#include "text/grammar/answer_guide.h"

#include <algorithm>
#include <utility>

#include "text/markup.h"

namespace fathom::text::grammar {

namespace {

constexpr std::size_t kMostMemos = 8;

void set(std::span<std::uint64_t> mask, std::int32_t token, bool value) {
  const auto id = static_cast<std::size_t>(token);
  if (token < 0 || id / 64 >= mask.size()) return;
  const std::uint64_t bit = std::uint64_t{1} << id % 64;
  mask[id / 64] = value ? mask[id / 64] | bit : mask[id / 64] & ~bit;
}

std::int32_t control_token(const Tokenizer& tokenizer, std::string_view name) {
  const auto id = tokenizer.token_id(name);
  return id && tokenizer.is_added(*id) ? *id : -1;
}

}  // namespace

AnswerPlan::AnswerPlan(AnswerGrammar answer, const Tokenizer& tokenizer,
                       std::shared_ptr<const Vocabulary> vocabulary)
    : answer_(std::move(answer)),
      masks_(answer_.grammar, std::move(vocabulary)),
      tokenizer_(tokenizer),
      end_token_(control_token(tokenizer, kEndOfSentence)) {}

Result<std::shared_ptr<const AnswerPlan>> AnswerPlan::make(const AnswerSpec& spec, const Tokenizer& tokenizer,
                                                           std::shared_ptr<const Vocabulary> vocabulary) {
  FATHOM_TRY(AnswerGrammar answer, compile_answer(spec));
  return std::shared_ptr<const AnswerPlan>(
      new AnswerPlan(std::move(answer), tokenizer, std::move(vocabulary)));
}

std::string_view AnswerPlan::text_of(std::int32_t token) const {
  const std::string_view bytes = tokenizer_.token_bytes(token);
  const bool is_markup = bytes == kThinkBegin || bytes == kThinkEnd || bytes == kDsmlMark;
  return token == end_token_ || (tokenizer_.is_special(token) && !is_markup) ? std::string_view() : bytes;
}

Result<AnswerGuide> AnswerGuide::make(std::shared_ptr<const AnswerPlan> plan, CompletionStart start,
                                      std::string_view prefix) {
  AnswerGuide guide(std::move(plan));
  switch (start) {
    case CompletionStart::reasoning:
    case CompletionStart::continued_reasoning:
      guide.phase_ = Phase::reasoning;
      return guide;
    case CompletionStart::content:
    case CompletionStart::continued_content:
      guide.end_reasoning();
      break;
    case CompletionStart::tool_calls:
      if (guide.plan_->answer().forced) guide.begin(*guide.plan_->answer().forced);
      return guide;
  }
  if (!guide.feed(prefix)) {
    return fail(ErrorCode::invalid_argument,
                "The prefix of the answer does not begin anything that the response_format allows");
  }
  return guide;
}

void AnswerGuide::begin(StateId start) {
  phase_ = Phase::guided;
  begun_.clear();
  start_ = start;
  matcher_.emplace(plan_->answer().grammar, start);
  memos_.clear();
}

void AnswerGuide::end_reasoning() {
  begun_.clear();
  const AnswerGrammar& answer = plan_->answer();
  if (answer.content) return begin(*answer.content);
  phase_ = answer.calls ? Phase::talking : Phase::free;
}

// What free text may run into. Only the first character of each is a `<`.
std::vector<std::string_view> AnswerGuide::markers() const {
  std::vector<std::string_view> markers;
  if (phase_ == Phase::reasoning) markers.push_back(kThinkEnd);
  if (plan_->answer().calls) markers.insert(markers.end(), {kDsmlOpen, kDsmlClose});
  return markers;
}

// Reads free text up to a marker, and takes it off `text`.
void AnswerGuide::feed_free(std::string_view& text) {
  const auto known = markers();
  const auto begins_one = [&] {
    return std::any_of(known.begin(), known.end(),
                       [&](std::string_view one) { return one.starts_with(begun_); });
  };
  while (!text.empty()) {
    begun_ += text[0];
    text.remove_prefix(1);
    while (!begins_one()) begun_.erase(0, 1);
    if (begun_ == kThinkEnd) return end_reasoning();
    if (std::find(known.begin(), known.end(), begun_) != known.end()) return begin(*plan_->answer().calls);
  }
}

bool AnswerGuide::feed(std::string_view text) {
  while (!text.empty() && (phase_ == Phase::reasoning || phase_ == Phase::talking)) feed_free(text);
  if (text.empty() || phase_ == Phase::free) return true;
  return phase_ == Phase::guided && matcher_->accept(text);
}

AnswerGuide::Snapshot AnswerGuide::snapshot() const {
  return {phase_, begun_, start_, matcher_ ? matcher_->place() : Matcher::Place()};
}

void AnswerGuide::restore(Snapshot snapshot) {
  if (snapshot.start != start_ || !snapshot.start) {
    matcher_.reset();
    start_.reset();
    if (snapshot.start) begin(*snapshot.start);
  }
  phase_ = snapshot.phase;
  begun_ = std::move(snapshot.begun);
  if (matcher_) matcher_->go_back(std::move(snapshot.place));
}

bool AnswerGuide::accept(std::int32_t token) {
  Snapshot before = snapshot();
  const bool ends = token == plan_->end_token();
  bool fits = true;
  if (ends) {
    fits = complete();
    phase_ = Phase::ended;
  } else if (phase_ == Phase::guided) {
    const std::string_view bytes = plan_->tokenizer().token_bytes(token);
    const bool is_text = !bytes.empty() && (!plan_->tokenizer().is_added(token) || bytes == kDsmlMark);
    fits = is_text && matcher_->accept(bytes);
  } else {
    fits = phase_ != Phase::ended && feed(plan_->text_of(token));
  }
  if (!fits) {
    restore(std::move(before));
    return false;
  }
  before_.push_back(std::move(before));
  if (before_.size() > kMostRewound) before_.pop_front();
  return true;
}

bool AnswerGuide::rewind(std::size_t tokens) {
  if (tokens > before_.size()) return false;
  if (tokens == 0) return true;
  restore(std::move(before_[before_.size() - tokens]));
  before_.resize(before_.size() - tokens);
  return true;
}

// The reasoning cannot be all when JSON must follow.
bool AnswerGuide::must_go_on() const {
  return phase_ == Phase::reasoning && plan_->answer().content.has_value();
}

bool AnswerGuide::complete() const {
  if (phase_ == Phase::guided) return matcher_->complete();
  return !must_go_on();
}

std::span<const std::uint64_t> AnswerGuide::allowed() {
  switch (phase_) {
    case Phase::free:
      return {};
    case Phase::reasoning:
    case Phase::talking:
      if (begun_.empty() && !must_go_on()) return {};
      fill_free();
      return mask_;
    case Phase::guided:
      return guided_mask();
    case Phase::ended:
      break;
  }
  mask_.assign(plan_->masks().words(), 0);
  set(mask_, plan_->end_token(), true);
  return mask_;
}

// Everything but what would go on wrongly behind a marker that the token completes.
void AnswerGuide::fill_free() {
  mask_.assign(plan_->masks().words(), ~std::uint64_t{0});
  if (must_go_on()) set(mask_, plan_->end_token(), false);
  const Vocabulary& vocabulary = plan_->masks().vocabulary();
  for (const std::string_view marker : markers()) {
    if (begun_.empty() || !marker.starts_with(begun_)) continue;
    std::uint32_t node = Vocabulary::kRoot;
    for (const char byte : marker.substr(begun_.size())) {
      node = vocabulary.child(node, static_cast<unsigned char>(byte));
      if (node == Vocabulary::kRoot) break;
    }
    if (node == Vocabulary::kRoot || vocabulary.node(node).children == 0) continue;
    const AnswerGrammar& answer = plan_->answer();
    const auto start = marker == kThinkEnd ? answer.content : answer.calls;
    if (!start) continue;
    const Vocabulary::Node& end = vocabulary.node(node);
    for (const std::int32_t token : vocabulary.tokens_from(end).subspan(end.tokens)) set(mask_, token, false);
    Matcher matcher(answer.grammar, *start);
    plan_->masks().fill_below(node, matcher, mask_);
  }
}

std::span<const std::uint64_t> AnswerGuide::guided_mask() {
  const TokenMasks& masks = plan_->masks();
  std::vector<Position> positions;
  for (const Position& position : matcher_->positions()) positions.push_back(masks.representative(position));
  const bool briefly = matcher_->briefly(), is_complete = matcher_->complete();
  const auto known = std::find_if(memos_.begin(), memos_.end(), [&](const Memo& memo) {
    return memo.briefly == briefly && memo.complete == is_complete && memo.positions == positions;
  });
  if (known != memos_.end()) {
    std::rotate(memos_.begin(), known, known + 1);
    return memos_.front().mask;
  }
  Memo memo{std::move(positions), briefly, is_complete, {}};
  if (memos_.size() == kMostMemos) {
    memo.mask = std::move(memos_.back().mask);
    memos_.pop_back();
  }
  memo.mask.resize(masks.words());
  masks.fill(*matcher_, memo.mask);
  if (is_complete) set(memo.mask, plan_->end_token(), true);
  memos_.push_front(std::move(memo));
  return memos_.front().mask;
}

}  // namespace fathom::text::grammar
