#include "api/mlflow.hpp"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tidemill::api {
namespace {

forest::Package package() {
  forest::Package made;
  made.features = {{.name = "x", .sql_type = "DOUBLE"},
                   {.name = "colour", .sql_type = "VARCHAR", .category = true}};
  return made;
}

// "x:colour" of each row; a missing one is empty.
std::string rows_in(const Result<serving::InferRequest>& request) {
  if (!request) return request.error().code;
  std::string out;
  for (size_t r = 0; r < request->inputs[0].values(); ++r) {
    const double x = request->inputs[0].numbers[r];
    out += (out.empty() ? "" : " ") + (std::isnan(x) ? "" : std::to_string(static_cast<int>(x))) + ":" +
           std::string(request->inputs[1].texts.at(r).value_or(""));
  }
  return out;
}

std::string rows_of(std::string_view body) { return rows_in(parse_invocation(body, package())); }
std::string rows_of_csv(std::string_view body) { return rows_in(parse_invocation_csv(body, package())); }

TEST(Mlflow, reads_a_table_in_each_of_its_forms) {
  for (const char* body : {
           R"({"dataframe_split":{"columns":["colour","x"],"data":[["red",1],["7",null]]}})",
           R"({"dataframe_split":{"data":[["red",1],["7",null]],"index":[0,1],"columns":["colour","x"]}})",
           R"({"dataframe_records":[{"x":1,"colour":"red"},{"colour":7}]})",
           R"({"instances":[{"colour":"red","x":1},{"x":null,"colour":"7"}],"params":{}})",
           R"({"instances":[[1,"red"],[null,"7"]]})",
           R"({"inputs":[[1.0,"red"],[null,7]]})",
           R"({"inputs":{"colour":["red",7],"x":[true,null]}})",
       })
    EXPECT_EQ(rows_of(body), "1:red :7") << body;
  EXPECT_EQ(rows_of(R"({"inputs":{"colour":["red","7"]}})"), ":red :7");
  EXPECT_EQ(rows_of(R"({"instances":[]})"), "");
}

TEST(Mlflow, takes_the_columns_of_a_key_beside_the_features) {
  const std::vector<std::string> key{"id", "x"};
  const auto ids = [&](const Result<serving::InferRequest>& request) {
    if (!request) return request.error().code;
    std::string out = rows_in(request);
    for (size_t i = 2; i < request->inputs.size(); ++i)
      for (size_t r = 0; r < request->inputs[i].values(); ++r)
        out += fmt::format(" {}={}", request->inputs[i].name, request->inputs[i].texts.at(r).value_or("-"));
    return out;
  };
  for (
      const char* body :
      {R"({"dataframe_split":{"columns":["id","colour","x"],"data":[[9007199254740993,"red",1],["b","7",null]]}})",
       R"({"dataframe_records":[{"x":1,"id":9007199254740993,"colour":"red"},{"id":"b","colour":7}]})",
       R"({"inputs":{"id":[9007199254740993,"b"],"colour":["red",7],"x":[true,null]}})"})
    EXPECT_EQ(ids(parse_invocation(body, package(), key)), "1:red :7 id=9007199254740993 id=b") << body;
  EXPECT_EQ(ids(parse_invocation_csv("id,x,colour\n007,1,red\n,2,red\n", package(), key)),
            "1:red 2:red id=007 id=-");
  EXPECT_EQ(ids(parse_invocation(R"({"instances":[[1,"red"]]})", package(), key)), "1:red");
  EXPECT_EQ(ids(parse_invocation(R"({"instances":[{"x":1,"idd":2}]})", package(), key)),
            "infer.unknown_input");
}

TEST(Mlflow, reads_numbers_of_more_than_nineteen_digits) {
  EXPECT_EQ(rows_of(R"({"instances":[[0.999999999999999999991,"red"]]})"), "1:red");
}

TEST(Mlflow, tells_the_row_of_a_value_that_its_column_does_not_take) {
  for (const char* body : {R"({"instances":[[1,"red"],["1","red"]]})", R"({"inputs":{"x":[1,"1"]}})"})
    EXPECT_EQ(parse_invocation(body, package()).error().message,
              "input 'x' has a text in row 2, expected a number");
}

TEST(Mlflow, refuses_what_is_no_table_of_the_features) {
  for (const char* body : {
           R"([])",
           R"({})",
           R"({"instances":[[1,"red"]],"inputs":[[1,"red"]]})",
           R"({"rows":[]})",
           R"({"instances":[[1]]})",
           R"({"instances":[[1,"a",2]]})",
           R"({"instances":[1,2]})",
           R"({"instances":7})",
           R"({"dataframe_records":[{"x":1,"x":2}]})",
           R"({"inputs":{"x":[1,2],"colour":["a"]}})",
           R"({"dataframe_split":{"columns":["x"]}})",
           R"({"dataframe_split":{"columns":["x","x"],"data":[[1,2]]}})",
           R"({"dataframe_split":{"columns":["x","x"],"data":[]}})",
           R"({"dataframe_split":[1]})",
           R"({"instances":[[1,"red"]],"params":{"n":1}})",
       }) {
    const std::string code = rows_of(body);
    EXPECT_TRUE(code == "mlflow.malformed" || code == "v2.malformed") << body << ' ' << code;
  }
  EXPECT_EQ(rows_of(R"({"instances":[{"y":1}]})"), "infer.unknown_input");
  EXPECT_EQ(rows_of(R"({"instances":[["1","red"]]})"), "infer.datatype");
  EXPECT_EQ(rows_of(R"({"instances":[[1,["red"]]]})"), "infer.datatype");
  EXPECT_EQ(rows_of(R"({"instances":[[1,"red"]]} x)"), "json.invalid");
  EXPECT_EQ(rows_of(R"({"instances":[[1,"red")"), "json.invalid");
}

TEST(Mlflow, reads_csv_by_the_types_of_the_features) {
  for (const char* body : {
           "x,colour\n1,red\n,7\n",
           "\xEF\xBB\xBF"
           "colour,x\r\nred,1\r\n7,\r\n",
           "x,colour\n 1 ,\"red\"\nNaN,7",
           "x,colour\n+1.0e0,red\n\nN/A,7\n\n",
           "x,colour\nTrue,red\nnone,7\n",
       })
    EXPECT_EQ(rows_of_csv(body), "1:red :7") << body;
  EXPECT_EQ(rows_of_csv("colour\nred\nNA\n"), ":red :NA");
  EXPECT_EQ(rows_of_csv("colour\n\"\"\n\"a,\"\"b\"\n"), ": :a,\"b");
  EXPECT_EQ(rows_of_csv("x,colour\n"), "");
}

TEST(Mlflow, spells_a_category_of_numbers_as_training_did) {
  forest::Package numbers;
  numbers.features = {{.name = "x", .sql_type = "DOUBLE"},
                      {.name = "colour", .sql_type = "INTEGER", .category = true}};
  EXPECT_EQ(rows_in(parse_invocation_csv("x,colour\n1,7.0\n2,True\n", numbers)), "1:7 2:true");
}

TEST(Mlflow, refuses_csv_that_is_no_table_of_the_features) {
  EXPECT_EQ(rows_of_csv(""), "mlflow.malformed");
  EXPECT_EQ(rows_of_csv(",x\n0,1\n"), "mlflow.malformed");
  EXPECT_EQ(rows_of_csv("x,x\n1,1\n"), "mlflow.malformed");
  EXPECT_EQ(rows_of_csv("y\n1\n"), "infer.unknown_input");
  EXPECT_EQ(rows_of_csv("x\nmuch\n"), "infer.datatype");
  EXPECT_EQ(rows_of_csv("x\n1e999\n"), "infer.datatype");
  EXPECT_EQ(rows_of_csv("x,colour\n1\n"), "csv.fields");
  EXPECT_EQ(rows_of_csv("x\n\"1\n"), "csv.quote");
  EXPECT_EQ(rows_of_csv("x\n\xff\n"), "csv.encoding");
  EXPECT_EQ(rows_of_csv("x\n" +
                        [] {
                          std::string rows;
                          for (size_t i = 0; i <= serving::kMaxRowsPerRequest; ++i) rows += "1\n";
                          return rows;
                        }()),
            "infer.too_many_rows");
}

TEST(Mlflow, answers_with_the_first_output) {
  serving::InferResponse response;
  response.outputs.push_back({"scores", "FP64", {2, 2}, {0.25, 0.75, 1, 0}});
  EXPECT_EQ(invocation_reply(response), R"({"predictions": [[0.25, 0.75], [1.0, 0.0]]})");
  response.outputs = {{"score", "FP64", {2}, {0.5, 0.25}}, {"decision", "BOOL", {2}, {1, 0}}};
  EXPECT_EQ(invocation_reply(response), R"({"predictions": [0.5, 0.25]})");
}

}  // namespace
}  // namespace tidemill::api
