#include "api/label_request.hpp"

#include <gtest/gtest.h>

namespace tidemill::api {

namespace {

std::string text_of(const Result<std::vector<monitoring::GivenLabel>>& labels) {
  if (!labels) return labels.error().code + ": " + labels.error().message;
  std::string out;
  for (const auto& label : *labels)
    out += label.prediction_id + " " + std::to_string(label.row) + " " + to_text(label.key) + " " +
           label.value + "; ";
  return out;
}
std::string of_json(std::string_view body) { return text_of(labels_from_json(body)); }
std::string of_csv(std::string_view body) { return text_of(labels_from_csv(body, {"id", "leg"})); }

}  // namespace

TEST(LabelRequest, of_json_names_a_prediction_or_a_key) {
  EXPECT_EQ(of_json(R"({"labels": [{"prediction_id": "a", "value": true},
                                   {"prediction_id": "a", "row": 3, "value": 0.5},
                                   {"key": {"id": 7, "leg": "x"}, "value": "red"}]})"),
            R"(a 0 null 1; a 3 null 0.5;  0 {"id":7,"leg":"x"} red; )");
  EXPECT_EQ(of_json(R"({"labels": []})"), "");
}

TEST(LabelRequest, says_what_is_wrong_with_which_label) {
  EXPECT_EQ(
      of_json(R"({"labels": [{"prediction_id": "a", "value": 1}, {"prediction_id": 7, "value": 1}, 5,
                                   {"prediction_id": "a", "row": -1, "value": 1}, {"prediction_id": "a"},
                                   {"prediction_id": "a", "value": null}, {"prediction": "a", "value": 1},
                                   {"key": "7", "value": 1}, {"prediction_id": "a", "value": [1]}]})"),
      "label.malformed: label 2: 'prediction_id' is no text; label 3: it is no object; label 4: 'row' is "
      "no number of a row, from 0; label 5: 'value' is missing; label 6: 'value' is null: a label that "
      "nobody knows is not sent; label 7: 'prediction' is not known here: did you mean 'prediction_id'?; "
      "label 8: 'key' is no object of "
      "columns and values; label 9: 'value' is neither text, number nor truth");
  for (const char* body : {"[]", "{}", R"({"labels": {}})", R"({"labels": [], "more": 1})"})
    EXPECT_TRUE(of_json(body).starts_with("label.malformed: ")) << body;
  EXPECT_TRUE(of_json("{\"labels\": [").starts_with("json.")) << of_json("{\"labels\": [");
}

TEST(LabelRequest, takes_so_many_at_a_time) {
  std::string body = R"({"labels": [)", csv = "prediction_id,value\n";
  for (size_t i = 0; i <= monitoring::kMaxLabels; ++i) {
    body += fmt::format(R"({}{{"prediction_id": "a", "value": 1}})", i == 0 ? "" : ",");
    csv += "a,1\n";
  }
  EXPECT_TRUE(of_json(body + "]}").starts_with("label.too_many"));
  EXPECT_TRUE(of_csv(csv).starts_with("label.too_many"));
}

TEST(LabelRequest, of_csv_has_the_same_values) {
  EXPECT_EQ(of_csv("prediction_id,row,value\na,0,true\na,1,1.0\nb,,red\nc,2,0.50\n"),
            "a 0 null 1; a 1 null 1; b 0 null red; c 2 null 0.5; ");
  EXPECT_EQ(of_csv("id,leg,value\n007,x,1\n"), R"( 0 {"id":"007","leg":"x"} 1; )");
  EXPECT_EQ(of_csv("value,prediction_id\n\"1.0\",a\n"), "a 0 null 1.0; ");
}

TEST(LabelRequest, of_csv_refuses_what_it_does_not_know) {
  EXPECT_EQ(of_csv("prediction_id,valeu\na,1\n"), "label.malformed: a column 'valeu' is not known here");
  EXPECT_EQ(of_csv("prediction_id,row\na,1\n"), "label.malformed: there is no column 'value'");
  EXPECT_EQ(of_csv("prediction_id,value,value\na,1,1\n"), "label.malformed: column 'value' is there twice");
  EXPECT_EQ(of_csv("prediction_id,row,value\na,x,1\na,0,\n"),
            "label.malformed: label 1: 'row' is no number of a row, from 0; label 2: 'value' is missing");
  EXPECT_TRUE(of_csv("").starts_with("label.malformed"));
  EXPECT_TRUE(of_csv("prediction_id,value\na\n").starts_with("csv.fields"));
}

}  // namespace tidemill::api
