// Tool calls: the question, the call, what the tool says, the answer.
#include <fmt/format.h>

#include <algorithm>

#include "train/data/synthetic.h"
#include "train/data/tool_offers.h"
#include "train/data/word_lists.h"

namespace fathom::train {
namespace {

using fmt::format;
using text::Json;
using Text = std::string;

Json number(int value) {
  return Json::number_of(std::to_string(value));
}
Json string(const Text& value) {
  return Json::string_of(value);
}

text::ToolCall call_of(Text name, std::vector<text::JsonMember> arguments) {
  return {"", std::move(name), Json::object_of(std::move(arguments))};
}

Text listed(const std::vector<Text>& words) {
  if (words.size() == 1) return words[0];
  return format("{} and {}", fmt::join(words.begin(), words.end() - 1, ", "), words.back());
}

// What happens between the offer of the tools and the end.
struct Use {
  Text question, plan;
  std::vector<text::ToolCall> calls;
  std::vector<Text> results;
  Text conclusion, answer;
};

Use weather(Random& random) {
  std::vector<Text> cities;
  for (int i = random.chance(0.25) ? 2 : 1; i > 0; --i) cities.push_back(random.pick(kCapitals)[1]);
  const Text all = listed(cities);
  Use use;
  use.question =
      random.pick({format("What's the weather in {}?", all), format("How is the weather in {} today?", all),
                   format("Is it cold in {}?", all), format("Tell me the weather for {}.", all)});
  use.plan = format("The user wants the weather in {}. I should call get_weather{}", all,
                    cities.size() > 1 ? " for each city." : ".");
  for (const Text& city : cities) {
    const int degrees = random.between(-5, 37);
    const Text sky = random.pick({"sunny", "cloudy", "rainy", "windy", "snowy", "foggy"});
    use.calls.push_back(call_of("get_weather", {{"city", string(city)}}));
    use.results.push_back(text::to_python_json(
        Json::object_of({{"temperature", number(degrees)}, {"condition", string(sky)}})));
    use.answer +=
        format("{}It is {} in {} with {} degrees.", use.answer.empty() ? "" : " ", sky, city, degrees);
  }
  use.conclusion = "I have the weather data. Now I answer.";
  return use;
}

Use calculation(Random& random) {
  const int x = random.between(10, 9998), y = random.between(10, 998);
  const char op = random.pick({'+', '-', '*'});
  const int value = op == '+' ? x + y : op == '-' ? x - y : x * y;
  const Text e = format("{} {} {}", x, op, y);
  return {random.pick({format("What is {}?", e), format("Please compute {}.", e),
                       format("Use the calculator: {}", e)}),
          "This is a calculation. I use the calculator.",
          {call_of("calculator", {{"expression", string(e)}})},
          {std::to_string(value)},
          format("The result is {}.", value),
          format("{} = {}.", e, value)};
}

Use web_search(Random& random) {
  const Pair& p = random.pick(kCapitals);
  const Text query = random.pick({format("population of {}", p[1]), format("history of {}", p[0]),
                                  format("best food in {}", p[0]), format("trains to {}", p[1])});
  const Text found =
      random.pick({format("{} has many old streets.", p[1]), format("{} is known for its music.", p[0]),
                   format("A new museum opened in {}.", p[1]), format("The river in {} is long.", p[1])});
  std::vector<text::JsonMember> arguments = {{"query", string(query)}};
  Text question = format("Search for {}.", query);
  if (random.chance(0.4)) {
    const int n = random.between(1, 5);
    arguments.push_back({"num_results", number(n)});
    question = format("Search for {} and give me {} results.", query, n);
  }
  const Json result = Json::array_of({Json::object_of({{"title", string(query)}, {"text", string(found)}})});
  return {question,
          format("I should search for \"{}\".", query),
          {call_of("search", std::move(arguments))},
          {text::to_python_json(result)},
          "I can answer with the search result.",
          format("I found this: {}", found)};
}

Use file_reading(Random& random) {
  const Text folder = random.pick(kFolders), path = folder + "/" + random.pick(kFileNames);
  std::vector<Text> lines;
  for (int i = random.between(1, 3); i > 0; --i) {
    const Text& name = random.pick(kNames);
    lines.push_back(format("{} has the {}.", name, random.pick(kThings)));
  }
  return {random.pick({format("What is in the file {}?", path), format("Read {}.", path),
                       format("Show me {}, please.", path)}),
          format("I need to read {}.", path),
          {call_of("read_file", {{"path", string(path)}})},
          {format("{}", fmt::join(lines, "\n"))},
          "I have the content of the file.",
          format("The file {} says: {}", path, fmt::join(lines, " "))};
}

Use folder_listing(Random& random) {
  const Text& folder = random.pick(kFolders);
  const std::vector<Text> files = random.sample(kFileNames, random.between(1, 4));
  std::vector<Json> names;
  for (const Text& file : files) names.push_back(string(file));
  const Text counted = files.size() == 1 ? "is 1 file" : format("are {} files", files.size());
  return {random.pick({format("Which files are in {}?", folder), format("List the files in {}.", folder),
                       format("How many files are in {}?", folder)}),
          format("I should list the folder {}.", folder),
          {call_of("list_dir", {{"path", string(folder)}})},
          {text::to_python_json(Json::array_of(std::move(names)))},
          format("There {}.", counted),
          format("There {} in {}: {}.", counted, folder, listed(files))};
}

Use shell_command(Random& random) {
  struct Command {
    Text command, question, output;
  };
  const std::vector<Command> commands = {
      {"ls -l", "List the files here with details.", "-rw-r--r-- 1 user user 120 notes.txt"},
      {"pwd", "Which folder am I in?", "/home/user/project"},
      {"git status", "What is the git status?", "nothing to commit, working tree clean"},
      {"wc -l main.c", "How many lines does main.c have?", format("{} main.c", random.between(5, 899))},
      {"make", "Build the project.", "make: build finished"},
      {"whoami", "Which user am I?", "user"},
      {"df -h /", "How much disk space is left?", format("/dev/sda1 100G {}G free", random.between(10, 89))},
      {"make test", "Run the tests.", format("{} passed, 0 failed", random.between(1, 98))}};
  const Command& c = random.pick(commands);
  return {c.question,
          format("I can run \"{}\".", c.command),
          {call_of("bash", {{"command", string(c.command)}})},
          {c.output},
          "The command worked.",
          format("The command {} printed: {}", c.command, c.output)};
}

Use timer(Random& random) {
  const int minutes = random.between(1, 59);
  const Text label = random.pick({"tea", "eggs", "pasta", "bread", "laundry"});
  return {random.pick({format("Set a timer for {} minutes for the {}.", minutes, label),
                       format("Please remind me about the {} in {} minutes.", label, minutes)}),
          "The user wants a timer.",
          {call_of("set_timer", {{"minutes", number(minutes)}, {"label", string(label)}})},
          {R"({"ok": true})"},
          "The timer is set.",
          format("The timer for the {} rings in {} minutes.", label, minutes)};
}

Use message(Random& random) {
  const Text& name = random.pick(kNames);
  const Text words =
      random.pick({"I am late.", "Dinner is ready.", "Call me back.", "Happy birthday!", "See you at noon."});
  return {random.pick({format("Send {} this message: {}", name, words), format("Tell {}: {}", name, words)}),
          format("I send the message to {}.", name),
          {call_of("send_message", {{"to", string(name)}, {"text", string(words)}})},
          {R"({"sent": true})"},
          "It was sent.",
          format("I sent your message to {}.", name)};
}

Use clock_time(Random& random) {
  const Text& city = random.pick(kCapitals)[1];
  const int hours = random.between(0, 23);
  const Text time = format("{}:{:02}", hours, random.between(0, 59));
  return {random.pick({format("What time is it in {}?", city), format("Tell me the time in {}.", city)}),
          format("I should look up the time in {}.", city),
          {call_of("get_time", {{"city", string(city)}})},
          {text::to_python_json(Json::object_of({{"time", string(time)}}))},
          "I have the time.",
          format("It is {} in {}.", time, city)};
}

Use any_use(Random& random) {
  switch (random.below(10)) {
    case 0:
    case 1:
      return weather(random);
    case 2:
      return calculation(random);
    case 3:
      return web_search(random);
    case 4:
      return file_reading(random);
    case 5:
      return folder_listing(random);
    case 6:
      return shell_command(random);
    case 7:
      return timer(random);
    case 8:
      return message(random);
    default:
      return clock_time(random);
  }
}

// The needed tool and up to three others, in random order.
text::Message offer_with(Random& random, std::string_view needed) {
  std::vector<Json> others, offered;
  for (const Json& tool : all_tools()) (tool.find("name")->text == needed ? offered : others).push_back(tool);
  for (Json& tool : random.sample(others, random.below(4))) offered.push_back(std::move(tool));
  random.shuffle(offered);
  return offer(std::move(offered));
}

Conversation without_need(Random& random) {
  Conversation conversation = random.chance(0.5) ? make_fact(random) : make_small_talk(random);
  const Text needed = random.pick(all_tools()).find("name")->text;
  conversation.messages.insert(conversation.messages.begin(), offer_with(random, needed));
  return conversation;
}

}  // namespace

Conversation make_tool_use(Random& random) {
  if (random.chance(0.1)) return without_need(random);
  Use use = any_use(random);
  Conversation conversation;
  conversation.thinking = random.chance(0.7);
  const auto reasoning = [&](const Text& text) { return conversation.thinking ? text : Text(); };
  conversation.messages = {offer_with(random, use.calls[0].name), user_says(use.question),
                           assistant_says("", reasoning(use.plan))};
  for (std::size_t i = 0; i < use.calls.size(); ++i) use.calls[i].id = std::to_string(i);
  conversation.messages.back().tool_calls = use.calls;
  for (std::size_t i = 0; i < use.results.size(); ++i) {
    conversation.messages.push_back(tool_says(use.results[i]));
    conversation.messages.back().tool_call_id = std::to_string(i);
  }
  conversation.messages.push_back(assistant_says(use.answer, reasoning(use.conclusion)));
  return conversation;
}

}  // namespace fathom::train
