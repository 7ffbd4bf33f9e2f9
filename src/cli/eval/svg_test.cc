#include "cli/eval/svg.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/property_tree/xml_parser.hpp>
#include <sstream>

namespace fathom::eval {
namespace {

boost::property_tree::ptree parse(const std::string& xml) {
  std::istringstream in(xml);
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(in, tree);
  return tree;
}

TEST(Svg, IsWellFormedWhateverTheTextSays) {
  Svg svg(100, 50);
  svg.rectangle(1, 2, 3, 4, "#ff0000");
  svg.line(0, 0, 5, 5, "#000000");
  svg.text(5, 5, "a < b & \"c\"", {.anchor = Anchor::middle, .bold = true});
  const auto tree = parse(svg.document("<title>"));
  EXPECT_EQ(tree.get<std::string>("svg.title"), "<title>");
  EXPECT_EQ(tree.get<std::string>("svg.text"), "a < b & \"c\"");
  EXPECT_EQ(tree.get<int>("svg.<xmlattr>.width"), 100);
  EXPECT_EQ(tree.get<std::string>("svg.text.<xmlattr>.text-anchor"), "middle");
}

TEST(Svg, StacksPicturesBelowEachOther) {
  std::array<Svg, 2> parts = {Svg(100, 50), Svg(200, 30)};
  parts[0].text(0, 0, "one");
  parts[1].text(0, 0, "two");
  const Svg all = stacked(parts);
  EXPECT_EQ(all.width(), 200);
  EXPECT_EQ(all.height(), 80);
  const std::string document = all.document("t");
  EXPECT_NE(document.find("translate(0 50.0)"), std::string::npos);
  EXPECT_LT(document.find("one"), document.find("two"));
}

TEST(ShareColor, GoesFromRedOverYellowToGreen) {
  EXPECT_EQ(share_color(0), "#d7584b");
  EXPECT_EQ(share_color(0.5), "#fae082");
  EXPECT_EQ(share_color(1), "#54a868");
  EXPECT_EQ(share_color(-1), share_color(0));
  EXPECT_EQ(share_color(2), share_color(1));
}

}  // namespace
}  // namespace fathom::eval
