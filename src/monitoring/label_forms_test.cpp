#include "monitoring/label_forms.hpp"

#include <gtest/gtest.h>

namespace tidemill::monitoring {

namespace {

forest::Package package_of(std::vector<std::string> classes) {
  forest::Package package;
  package.target = "verdict";
  package.classes = std::move(classes);
  return package;
}

std::string refusal(const LabelForms& forms, const std::string& text) {
  const auto form = forms.check(text);
  return form ? "it is taken" : form.error().message;
}

}  // namespace

TEST(LabelForms, without_a_version_are_what_came) {
  const LabelForms forms;
  EXPECT_EQ(forms.of("whatever"), "whatever");
}

TEST(LabelForms, are_those_of_the_first_version_that_knows_the_label) {
  LabelForms forms;
  forms.add(package_of({"ja", "nein"}));
  forms.add(package_of({"ja", "nein", "vielleicht"}));
  EXPECT_EQ(forms.of("nein"), "nein");
  EXPECT_EQ(forms.of("vielleicht"), "vielleicht");
  EXPECT_EQ(forms.of("yes"), std::nullopt);
}

TEST(LabelForms, say_what_a_label_may_be) {
  LabelForms words;
  words.add(package_of({"ja", "nein"}));
  EXPECT_EQ(refusal(words, "17"), "'17' is no value of verdict: there is 'ja', 'nein'");
  LabelForms truths;
  truths.add(package_of({}));
  EXPECT_EQ(refusal(truths, "17"), "'17' is no value of verdict: there is true or false, yes or no, 1 or 0");
  LabelForms many;
  many.add(package_of({"a", "b", "c", "d", "e", "f", "g"}));
  EXPECT_EQ(refusal(many, "h"), "'h' is no value of verdict: there is 'a', 'b', 'c', 'd', 'e' and 2 more");
  forest::Package package;
  package.task = forest::Task::Regression;
  LabelForms numbers;
  numbers.add(package);
  EXPECT_EQ(refusal(numbers, "soon"), "'soon' is no value of the target: there is a finite number");
  EXPECT_EQ(refusal(numbers, std::string(59, 'x') + "ää"),
            "'" + std::string(59, 'x') + "ä…' is no value of the target: there is a finite number");
}

}  // namespace tidemill::monitoring
