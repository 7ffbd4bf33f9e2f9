#include "text/grammar/answer_grammar.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "text/grammar/pattern.h"
#include "text/grammar/schema_compiler.h"
#include "text/markup.h"

namespace fathom::text::grammar {

namespace {

constexpr std::string_view kInvokeBegin = "<｜DSML｜invoke name=\"";
constexpr std::string_view kInvokeEnd = "</｜DSML｜invoke>\n";
constexpr std::string_view kParameterBegin = "<｜DSML｜parameter name=\"";
constexpr std::string_view kParameterEnd = "</｜DSML｜parameter>\n";

// What the parser of completions acts upon, in visible text and in the values of parameters.
const std::vector<std::string_view> kContentMarkers = {kEndOfSentence, kBeginOfSentence, kThinkBegin,
                                                       kThinkEnd,      kDsmlOpen,        kDsmlClose};
const std::vector<std::string_view> kValueMarkers = {kEndOfSentence, kDsmlClose};

// Computed once.
SchemaCompiler::Options content_options() {
  static const CharAutomaton kPlain = text_without(kContentMarkers);
  return {.in_order = true, .markers = kContentMarkers, .plain = kPlain};
}
SchemaCompiler::Options value_options() {
  static const CharAutomaton kPlain = text_without(kValueMarkers);
  return {.in_order = false, .markers = kValueMarkers, .plain = kPlain};
}
const CharAutomaton& parameter_names() {
  static const CharAutomaton kNames = automaton_of_pattern("^[^\"<>\\x00-\\x1f]{1,64}$").value();
  return kNames;
}

// A name that can stand between the quotes of a tag.
bool is_writable(std::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](unsigned char c) {
    return c == '"' || c == '<' || c == '>' || c < 0x20;
  });
}

// The calls of one tool after another.
class ToolCompiler {
 public:
  explicit ToolCompiler(GrammarBuilder& builder) : builder_(builder), values_(builder, value_options()) {}

  // From the name of the tool to the end of the call. Error: a strict tool whose schema cannot be enforced.
  Result<StateId> call(const AnswerSpec::Tool& tool) {
    auto parameters = states(tool.parameters, tool.strict);
    if (!parameters && tool.strict) {
      return fail(parameters.error().code, "tool '{}': {}", tool.name, parameters.error().message);
    }
    // A schema that makes no sense does not keep a tool from being called.
    if (!parameters) {
      values_.forget();
      parameters = states(any_object_, false);
    }
    FATHOM_TRY(const StateId state, std::move(parameters));
    return builder_.literal(tool.name + "\">\n", state);
  }

 private:
  Result<StateId> states(const Json& schema, bool strict) {
    SchemaReader& reader = readers_.emplace_back(schema, SchemaOptions{.lenient = !strict});
    FATHOM_TRY(const auto shapes, reader.shapes({&schema}));
    std::vector<StateId> ways;
    for (const Shape& shape : shapes) {
      if ((shape.types & kObject) == 0) continue;
      FATHOM_TRY(ways.emplace_back(), parameters(reader, shape));
    }
    if (ways.empty())
      return fail(ErrorCode::invalid_argument, "the schema of its parameters allows no object");
    FATHOM_TRY_STATUS(values_.complete());
    return builder_.choice(std::move(ways));
  }

  Result<StateId> parameters(SchemaReader& reader, const Shape& shape) {
    FATHOM_TRY_STATUS(check(reader, shape));
    std::vector<Member> members;
    std::set<std::string_view> names;
    bool lists = false;
    Conjunction others;
    for (const ObjectRules& rules : shape.objects) {
      for (const auto& [name, value] : rules.properties) names.insert(name);
      lists |= !rules.properties.empty();
      if (rules.additional) add_schema(others, rules.additional);
    }
    names.insert(shape.required.begin(), shape.required.end());
    for (const std::string_view name : names) {
      Member member;
      member.required = std::find(shape.required.begin(), shape.required.end(), name) != shape.required.end();
      if (!is_writable(name) || names.size() > kMostParameters) {
        if (reader.lenient()) continue;
        return reader.unsupported(*shape.source, "properties",
                                  "a name that cannot be written in a call, or too many");
      }
      FATHOM_TRY(const Conjunction schemas, reader.member(shape, name));
      FATHOM_TRY(const StateId rest, value(reader, schemas));
      member.rule = builder_.literal(fmt::format("{}{}\" string=\"", kParameterBegin, name), rest);
      members.push_back(member);
    }
    if (!lists || !others.empty()) {
      const std::vector<std::string> known(names.begin(), names.end());
      FATHOM_TRY(CharAutomaton chars, intersection(parameter_names(), complement(one_of(known))));
      FATHOM_TRY(const StateId rest, value(reader, others));
      const std::uint32_t text = builder_.add_lexeme(TextLexeme(std::move(chars), false));
      const StateId name = builder_.text(text, builder_.literal("\" string=\"", rest));
      members.push_back({builder_.literal(kParameterBegin, name), false, false});
    }
    const StateId close = builder_.literal(kInvokeEnd, builder_.end());
    const auto object = builder_.object(std::move(members), false, close, "", std::nullopt);
    // The template leaves a line empty where there are no parameters.
    return builder_.choice({object.first, object.empty, builder_.literal("\n", object.empty)});
  }

  static Status check(SchemaReader& reader, const Shape& shape) {
    if (reader.lenient()) return {};
    const bool has_patterns = std::any_of(shape.objects.begin(), shape.objects.end(),
                                          [](const ObjectRules& rules) { return !rules.patterns.empty(); });
    if (has_patterns)
      return reader.unsupported(*shape.source, "patternProperties", "for the parameters of a tool");
    if (!shape.names.empty())
      return reader.unsupported(*shape.source, "propertyNames", "for the parameters of a tool");
    if (shape.min_members > shape.required.size())
      return reader.unsupported(*shape.source, "minProperties", "for the parameters of a tool");
    if (shape.max_members)
      return reader.unsupported(*shape.source, "maxProperties", "for the parameters of a tool");
    return {};
  }

  // After `string="`.
  Result<StateId> value(SchemaReader& reader, const Conjunction& schemas) {
    std::vector<StateId> ways;
    FATHOM_TRY(const auto raw, values_.raw_strings(reader, schemas, kParameterEnd));
    if (raw) ways.push_back(builder_.literal("true\">", *raw));
    const StateId json = values_.rule(reader, schemas, kAnyType & ~kString);
    const StateId end = builder_.literal(kParameterEnd, builder_.end());
    ways.push_back(builder_.literal("false\">", builder_.call(json, end)));
    return builder_.choice(std::move(ways));
  }

  static constexpr std::size_t kMostParameters = 1'000;

  GrammarBuilder& builder_;
  SchemaCompiler values_;
  const Json any_object_ = any_object_schema();
  std::deque<SchemaReader> readers_;
};

// One call or more, and the end of the block.
Result<StateId> compile_calls(const std::vector<AnswerSpec::Tool>& tools, GrammarBuilder& builder,
                              ToolCompiler& compiler) {
  std::vector<StateId> calls;
  for (const AnswerSpec::Tool& tool : tools) {
    if (!is_writable(tool.name)) continue;
    FATHOM_TRY(calls.emplace_back(), compiler.call(tool));
  }
  const StateId call = builder.literal(kInvokeBegin, builder.choice(std::move(calls)));
  const StateId after = builder.promise();
  const StateId one = builder.call(call, after);
  builder.keep(after, builder.choice({one, builder.literal(kCallsEnd, builder.end())}));
  return one;
}

}  // namespace

Json any_object_schema() {
  return Json::object_of({{"type", Json::string_of("object")}});
}

Result<AnswerGrammar> compile_answer(const AnswerSpec& spec) {
  GrammarBuilder builder;
  AnswerGrammar answer;
  std::vector<StateId> content, starts;
  ToolCompiler tools(builder);
  std::optional<SchemaReader> reader;
  SchemaCompiler values(builder, content_options());
  if (spec.schema) {
    reader.emplace(*spec.schema, SchemaOptions{});
    content.push_back(values.rule(*reader, {&*spec.schema}));
    FATHOM_TRY_STATUS(values.complete());
  }
  if (!spec.tools.empty()) {
    FATHOM_TRY(answer.forced, compile_calls(spec.tools, builder, tools));
    constexpr std::size_t kOpen = kDsmlOpen.size();
    answer.calls = builder.literal(kCallsBegin.substr(kOpen), *answer.forced);
    if (spec.schema) {
      const StateId block = builder.literal(kCallsBegin, *answer.forced);
      content.push_back(builder.choice({block, builder.literal("\n\n", block)}));
    }
    starts.push_back(*answer.forced);
  }
  if (spec.schema) {
    answer.content = builder.choice(content);
    starts.push_back(content[0]);
  }
  FATHOM_TRY(answer.grammar, std::move(builder).finish(starts));
  return answer;
}

}  // namespace fathom::text::grammar
