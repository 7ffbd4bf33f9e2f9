// The control tokens of DeepSeek-V4's prompt and the markers of DSML, its markup for tool calls.
#pragma once

#include <string_view>

namespace fathom::text {

inline constexpr std::string_view kBeginOfSentence = "<｜begin▁of▁sentence｜>";
inline constexpr std::string_view kEndOfSentence = "<｜end▁of▁sentence｜>";
inline constexpr std::string_view kUser = "<｜User｜>";
inline constexpr std::string_view kAssistant = "<｜Assistant｜>";
inline constexpr std::string_view kLatestReminder = "<｜latest_reminder｜>";
inline constexpr std::string_view kThinkBegin = "<think>";
inline constexpr std::string_view kThinkEnd = "</think>";

// A block of calls:  \n\n<｜DSML｜tool_calls>\n <｜DSML｜invoke name="f">\n
//                    <｜DSML｜parameter name="k" string="true">v</｜DSML｜parameter>\n
//                    </｜DSML｜invoke>\n </｜DSML｜tool_calls>
inline constexpr std::string_view kDsmlMark = "｜DSML｜";  // one token
inline constexpr std::string_view kDsmlOpen = "<｜DSML｜";
inline constexpr std::string_view kDsmlClose = "</｜DSML｜";
inline constexpr std::string_view kCallsBegin = "<｜DSML｜tool_calls>\n";
inline constexpr std::string_view kCallsEnd = "</｜DSML｜tool_calls>";

inline constexpr std::string_view kFillBegin = "<｜fim▁begin｜>";
inline constexpr std::string_view kFillHole = "<｜fim▁hole｜>";
inline constexpr std::string_view kFillEnd = "<｜fim▁end｜>";

}  // namespace fathom::text
