// What it costs to hold an answer to a schema or to tools, with the vocabulary of V4 (129,280 tokens):
// $FATHOM_V4_TOKENIZER names its tokenizer.json, or the tests have fetched it.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "text/grammar/answer_guide.h"
#include "text/tokenizer.h"

namespace fathom::text::grammar {
namespace {

struct Model {
  Tokenizer tokenizer;
  std::shared_ptr<const Vocabulary> vocabulary;
};

const Model* model() {
  static const std::optional<Model> loaded = []() -> std::optional<Model> {
    const char* named = std::getenv("FATHOM_V4_TOKENIZER");
    auto tokenizer = Tokenizer::load(named ? named : "build/test-data/v4-tokenizer/tokenizer.json");
    if (!tokenizer) return std::nullopt;
    auto vocabulary = std::make_shared<const Vocabulary>(*tokenizer);
    return Model{*std::move(tokenizer), std::move(vocabulary)};
  }();
  return loaded ? &*loaded : nullptr;
}

constexpr const char* kOrder = R"({"type":"object","properties":{
  "id":{"type":"string","pattern":"^[A-Z]{2}-[0-9]{4,6}$"},"placed":{"type":"string","format":"date-time"},
  "customer":{"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":80},
    "email":{"type":"string","format":"email"},"vip":{"type":"boolean"},
    "address":{"type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"},
      "country":{"enum":["DE","FR","US","CN","JP"]}},"required":["street","city","country"]}},
    "required":["name","email"]},
  "lines":{"type":"array","minItems":1,"items":{"type":"object","properties":{"sku":{"type":"string"},
    "quantity":{"type":"integer","minimum":1,"maximum":999},"price":{"type":"number","minimum":0},
    "note":{"anyOf":[{"type":"string"},{"type":"null"}]}},"required":["sku","quantity","price"]}},
  "status":{"enum":["new","paid","shipped"]},"comment":{"type":"string"}},
  "required":["id","customer","lines","status"],"additionalProperties":false})";
constexpr const char* kOrderAnswer =
    R"({"id": "AB-12345", "placed": "2026-07-31T12:30:00Z", "customer": {"name": "Ada Lovelace", "email": "ada@example.org", )"
    R"("vip": true, "address": {"street": "12 St James's Square", "city": "London", "country": "US"}}, "lines": [{"sku": )"
    R"("engine-1", "quantity": 2, "price": 1999.5, "note": null}, {"sku": "punched cards", "quantity": 500, "price": 0.04, )"
    R"("note": "The blue ones, please, with \"Jacquard\" printed on them."}], "status": "paid", "comment": "Deliver to the back )"
    R"(door before noon; the bell does not work, so knock loudly and wait."})";

constexpr const char* kObject = R"({"type":"object"})";

// As many tools as a coding agent brings, with descriptions as long.
AnswerSpec agent_tools() {
  AnswerSpec spec;
  const std::string prose(2'000, 'x');
  for (int i = 0; i < 24; ++i) {
    const std::string schema = fmt::format(
        R"({{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{{
        "command":{{"type":"string","description":"{0}"}},"file_path_{1}":{{"type":"string","description":"a path"}},
        "timeout":{{"type":"number","maximum":600000}},"run_in_background":{{"type":"boolean","default":false}},
        "limit":{{"type":"integer","exclusiveMinimum":0}},"mode":{{"type":"string","enum":["content","files","count"]}},
        "edits":{{"type":"array","minItems":1,"items":{{"type":"object","properties":{{"old":{{"type":"string"}},
          "new":{{"type":"string"}},"all":{{"type":"boolean"}}}},"required":["old","new"],"additionalProperties":false}}}}}},
        "required":["command"],"additionalProperties":false}})",
        prose, i);
    spec.tools.push_back({fmt::format("tool_{}", i), parse_json(schema).value(), false});
  }
  return spec;
}
constexpr const char* kCall =
    "I will run the tests.\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"tool_7\">\n<｜DSML｜parameter "
    "name=\"command\" "
    "string=\"true\">cd /src && cmake --build build -j8 2>&1 | tail -20\nfor f in *.cc; do echo \"$f\" <<< "
    "\"x < y\"; "
    "done</｜DSML｜parameter>\n<｜DSML｜parameter name=\"timeout\" "
    "string=\"false\">120000</｜DSML｜parameter>\n<｜DSML｜parameter "
    "name=\"edits\" string=\"false\">[{\"old\": \"int main() {\\n  return 1;\\n}\", \"new\": \"int main() "
    "{}\", \"all\": "
    "true}]</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>";

AnswerSpec spec_of(int which) {
  if (which == 2) return agent_tools();
  return {.schema = parse_json(which == 0 ? kOrder : kObject).value(), .tools = {}};
}
const char* answer_of(int which) {
  return which == 2 ? kCall : kOrderAnswer;
}

// Masks of one answer. warm: the plan has answered before; otherwise each answer finds empty caches.
void answer(benchmark::State& state) {
  if (!model()) return state.SkipWithError("there is no tokenizer.json of V4 (see the head of this file)");
  const AnswerSpec spec = spec_of(static_cast<int>(state.range(0)));
  const bool warm = state.range(1) != 0;
  const auto tokens =
      model()->tokenizer.encode(answer_of(static_cast<int>(state.range(0))), EncodeMode::with_added_tokens);
  auto plan = AnswerPlan::make(spec, model()->tokenizer, model()->vocabulary).value();
  const auto run = [&](const std::shared_ptr<const AnswerPlan>& one) {
    auto guide = AnswerGuide::make(one, CompletionStart::content).value();
    for (const std::int32_t token : tokens) {
      benchmark::DoNotOptimize(guide.allowed().data());
      if (!guide.accept(token)) state.SkipWithError("the answer does not fit the schema");
    }
    benchmark::DoNotOptimize(guide.allowed().data());
  };
  if (warm) run(plan);
  for (auto _ : state) {
    if (!warm) {
      state.PauseTiming();
      plan = AnswerPlan::make(spec, model()->tokenizer, model()->vocabulary).value();
      state.ResumeTiming();
    }
    run(plan);
  }
  state.counters["tokens"] = static_cast<double>(tokens.size());
  state.counters["per_token"] =
      benchmark::Counter(static_cast<double>(tokens.size() + 1),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(answer)
    ->ArgNames({"schema0_object1_tools2", "warm"})
    ->ArgsProduct({{0, 1, 2}, {0, 1}})
    ->Unit(benchmark::kMicrosecond);

void compile(benchmark::State& state) {
  const AnswerSpec spec = spec_of(static_cast<int>(state.range(0)));
  std::size_t states = 0;
  for (auto _ : state) states = compile_answer(spec).value().grammar->size();
  state.counters["states"] = static_cast<double>(states);
}
BENCHMARK(compile)->ArgNames({"schema0_object1_tools2"})->DenseRange(0, 2)->Unit(benchmark::kMicrosecond);

void vocabulary(benchmark::State& state) {
  if (!model()) return state.SkipWithError("there is no tokenizer.json of V4 (see the head of this file)");
  for (auto _ : state) benchmark::DoNotOptimize(Vocabulary(model()->tokenizer).longest());
}
BENCHMARK(vocabulary)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fathom::text::grammar
