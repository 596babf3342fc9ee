// Times our engines and those of the field on one forest, contenders taking turns in one process. Every
// answer is first held against the plain walk's: ours and the linked XGBoost's bit for bit, others' to
// kTolerance; whose answers are wrong is not timed. bench/forest.py calls it.
//   forest_bench train --model FILE [--lightgbm LIBRARY] [--trees N --depth N --leaves N --features N
//   --missing SHARE]
//       trains with the linked XGBoost, or with that LightGBM; writes FILE, FILE.trees.json and FILE.rows,
//       the rows to predict as float32; of XGBoost FILE.scores too, its answers to the first kScored of them
//   forest_bench time --model FILE [--rounds N] [--rows N,N…] [--engines 1] [--NAME WHERE]…  of the same
//   shape
//   forest_bench explain --model FILE [--rounds N] [--rows N,N…]
//       times contributions (SHAP), ours and XGBoost's, the same way
//   both print one JSON object; NAME is a competitor, WHERE its library and files (forest_contenders.hpp)
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "forest_contenders.hpp"

namespace {

using bench::Contender;
using bench::Data;
using bench::Shape;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;
using Given = std::map<std::string, std::string>;

constexpr double kLeastSeconds = 0.02;  // of one turn
constexpr size_t kScored = 1'000, kExplained = 100;
constexpr double kTolerance =
    1e-5;  // of a probability: sums of a thousand floats in another order, other exponentials

std::string key_of(const Contender& contender) {
  return contender.threads == 1 ? contender.name
                                : fmt::format("{}, {} threads", contender.name, contender.threads);
}

/// Nanoseconds a row. Rows of different places, so that one row is not always the same.
double turn(const Contender& contender, const Data& data, size_t rows) {
  if (contender.timed) return contender.timed(rows, kLeastSeconds);
  contender.predict(0, rows);  // wakes its threads
  size_t done = 0, at = 0;
  double seconds = 0;
  const auto begun = Clock::now();
  do {
    for (int i = 0; i < (rows < 100 ? 50 : 1); ++i) {
      if (at + rows > data.rows) at = 0;
      contender.predict(at, rows);
      at += rows;
      done += rows;
    }
    seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  } while (seconds < kLeastSeconds);
  return seconds / static_cast<double>(done) * 1e9;
}

double largest_difference(const Contender& contender, const Data& data, const std::vector<double>& expected) {
  double largest = 0;
  const size_t rows = std::min(contender.most_rows, data.rows);
  for (size_t at = 0; at + rows <= data.rows; at += std::max(rows, size_t{97})) {
    contender.predict(at, rows);
    for (size_t i = 0; i < rows; ++i) {
      const double difference = std::abs(contender.score(i) - expected[at + i]);
      largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
    }
  }
  return largest;
}

/// Of the field, with whom it was not to be had or not right → why.
std::vector<Contender> others(const Given& given, const bench::Model& model, const Data& data,
                              const std::vector<double>& expected, Json& absent) {
  static const std::set<std::string> kOwn{"--model", "--rounds",   "--rows",   "--engines", "--trees",
                                          "--depth", "--features", "--leaves", "--missing"};
  std::vector<Contender> out;
  for (const auto& [option, from] : given) {
    if (kOwn.contains(option)) continue;
    const std::string name = option.substr(2);
    try {
      for (Contender& contender : bench::competitor(name, from, model, data)) {
        const double difference = largest_difference(contender, data, expected);
        if (!(difference <= kTolerance))
          throw std::runtime_error(fmt::format("its answers differ by up to {:.3g}", difference));
        out.push_back(std::move(contender));
      }
    } catch (const std::exception& error) {
      absent[name] = error.what();
    }
  }
  return out;
}

void time(const Given& given, const Shape& shape) {
  const bench::Model model = bench::read_model(given.at("--model"));
  const Data data = bench::made(bench::kRows, shape.features, shape.missing, 2);
  std::vector<Contender> contenders = bench::ours(model, data);
  if (!model.lightgbm)
    for (Contender& contender : bench::linked_xgboost(model, data))
      contenders.push_back(std::move(contender));
  std::vector<double> expected(data.rows);
  contenders[0].predict(0, data.rows);
  for (size_t r = 0; r < data.rows; ++r) expected[r] = contenders[0].score(r);
  for (const Contender& contender : contenders)
    if (const double difference = largest_difference(contender, data, expected); difference != 0)
      throw std::runtime_error(fmt::format("{} and the plain walk differ by {}", contender.name, difference));
  if (given.at("--engines") != "1")
    std::erase_if(contenders, [](const Contender& c) { return c.name != "tidemill" && c.name != "xgboost"; });
  Json absent = Json::object();
  for (Contender& contender : others(given, model, data, expected, absent))
    contenders.push_back(std::move(contender));

  Json results = Json::array();
  for (const std::string& word : bench::words(given.at("--rows"))) {
    const size_t rows = std::stoul(word);
    std::map<std::string, std::vector<double>> ns;
    for (int round = 0; round < std::stoi(given.at("--rounds")); ++round)
      for (const Contender& contender : contenders)
        if (contender.least_rows <= rows && rows <= contender.most_rows &&
            (contender.threads == 1 || rows >= 1'000))
          ns[key_of(contender)].push_back(turn(contender, data, rows));
    for (const auto& [name, values] : ns)
      results.push_back({{"rows", rows}, {"contender", name}, {"ns", values}});
  }
  size_t nodes = 0;
  for (const auto& tree : model.forest.trees) nodes += tree.nodes.size();
  std::printf("%s\n", Json{{"nodes", nodes}, {"results", results}, {"absent", absent}}.dump().c_str());
}

/// Contributions may differ by what a sum of floats loses.
void explain(const Given& given, const Shape& shape) {
  const bench::Model model = bench::read_model(given.at("--model"));
  if (model.lightgbm) throw std::runtime_error("explain takes a model of XGBoost");
  const Data data = bench::made(bench::kRows, shape.features, shape.missing, 2);
  const std::vector<Contender> contenders = bench::explainers(model, data);
  for (const Contender& contender : contenders) contender.predict(0, kExplained);
  double largest = 0, difference = 0;
  for (size_t i = 0; i < kExplained * (data.features + 1); ++i) {
    largest = std::max(largest, std::abs(contenders[1].score(i)));
    difference = std::max(difference, std::abs(contenders[0].score(i) - contenders[1].score(i)));
  }
  if (!(difference <= kTolerance * largest))
    throw std::runtime_error(fmt::format("contributions of up to {} differ by {}", largest, difference));
  Json results = Json::array();
  for (const std::string& word : bench::words(given.at("--rows"))) {
    std::map<std::string, std::vector<double>> ns;
    for (int round = 0; round < std::stoi(given.at("--rounds")); ++round)
      for (const Contender& contender : contenders)
        ns[contender.name].push_back(turn(contender, data, std::stoul(word)));
    for (const auto& [name, values] : ns)
      results.push_back({{"rows", std::stoul(word)}, {"contender", name}, {"ns", values}});
  }
  std::printf("%s\n", Json{{"difference", difference / largest}, {"results", results}}.dump().c_str());
}

void write_floats(const std::string& path, const std::vector<float>& values) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(float)));
}

void train(const Given& given, const Shape& shape) {
  const std::string& path = given.at("--model");
  if (given.contains("--lightgbm"))
    bench::train_with_lightgbm(shape, given.at("--lightgbm"), path);
  else
    bench::train_with_xgboost(shape, path);
  const Data data = bench::made(bench::kRows, shape.features, shape.missing, 2);
  write_floats(path + ".rows", data.floats);
  if (given.contains("--lightgbm")) return;
  const Contender xgboost = bench::linked_xgboost(bench::read_model(path), data).front();
  xgboost.predict(0, kScored);
  std::vector<float> scores(kScored);
  for (size_t i = 0; i < kScored; ++i) scores[i] = static_cast<float>(xgboost.score(i));
  write_floats(path + ".scores", scores);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Given given{{"--trees", "100"}, {"--depth", "6"},  {"--features", "28"},           {"--missing", "0"},
                {"--leaves", "0"},  {"--rounds", "5"}, {"--rows", "1,64,1000,100000"}, {"--engines", "0"}};
    if (argc < 2) throw std::runtime_error("train, time or explain?");
    for (int i = 2; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
    if (!given.contains("--model")) throw std::runtime_error("--model FILE is missing");
    const Shape shape{.trees = std::stoi(given["--trees"]),
                      .depth = std::stoi(given["--depth"]),
                      .leaves = std::stoi(given["--leaves"]),
                      .features = std::stoul(given["--features"]),
                      .missing = std::stod(given["--missing"])};
    const std::string word = argv[1];
    word == "train" ? train(given, shape) : word == "explain" ? explain(given, shape) : time(given, shape);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "forest_bench: %s\n", error.what());
    return 1;
  }
}
