// The flights example as a person would write it who needs no checks, no gate, no registry and no second run:
// the same SQL files, the same snapshots, the same matrix and the same XGBoost calls, on the two C APIs
// alone. The reference of bench/flights.py.
//   flights_by_hand EXAMPLE OUT [THREADS] [notebook]     prints one JSON line
// The matrix and the parameters are Tidemill's to the bit (rare levels folded, boosting from the mean), so
// that both make the same model file; `notebook` leaves these two out, as examples/flights/notebook/auc.py
// does.
#include <xgboost/c_api.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <string_view>
#include <vector>

#include "duckdb_by_hand.hpp"

namespace {

using by_hand::die;
using by_hand::Session;
namespace fs = std::filesystem;

const char* const kTransforms[] = {"weather_hours", "airport_history", "plane_days", "features"};
constexpr int64_t kDay = 86'400'000'000;  // microseconds

void xgb(int status) {
  if (status != 0) die(XGBGetLastError());
}

/// A snapshot as Tidemill writes them, and a view of its name on it.
void snapshot(Session& session, const fs::path& out, const std::string& name, const std::string& select) {
  const std::string file = (out / (name + ".parquet")).string();
  session.run("COPY (" + select + ") TO '" + file +
              "' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)");
  session.run("CREATE VIEW " + name + " AS FROM read_parquet('" + file + "')");
}

std::string scan(const fs::path& example, const YAML::Node& source) {
  const auto path = source["path"].as<std::string>();
  const std::string file = "'" + (example / path).string() + "'";
  std::string columns, casts;
  for (const auto& column : source["columns"]) {
    const auto name = column.first.as<std::string>(), type = column.second["type"].as<std::string>();
    columns += (columns.empty() ? "'" : ", '") + name + "': '" + type + "'";
    casts += (casts.empty() ? "CAST(" : ", CAST(") + name + " AS " + type + ") AS " + name;
  }
  if (path.ends_with(".parquet")) return "SELECT " + casts + " FROM read_parquet(" + file + ")";
  if (path.ends_with(".jsonl"))
    return "FROM read_json(" + file + ", format='newline_delimited', columns={" + columns + "})";
  return "FROM read_csv(" + file + ", header=true, columns={" + columns + "})";
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Rows sorted by key, one float a feature; text still as its code of first sight.
struct Table {
  std::vector<std::string> names;
  std::vector<bool> category;
  std::vector<std::map<std::string, int, std::less<>>> seen;  // by column: text → code of first sight
  std::vector<std::vector<float>> columns;
  std::vector<float> target;
  std::vector<int64_t> at;
};

bool valid(duckdb_vector vector, idx_t row) {
  uint64_t* mask = duckdb_vector_get_validity(vector);
  return mask == nullptr || duckdb_validity_row_is_valid(mask, row);
}

Table read_features(Session& session) {
  Table table;
  std::string select = "SELECT CAST(is_late AS FLOAT), epoch_us(scheduled_at)";
  session.fetch(
      "SELECT column_name, column_type FROM (DESCRIBE features) "
      "WHERE column_name NOT IN ('flight_id', 'scheduled_at', 'is_late')",
      [&](duckdb_data_chunk chunk, idx_t rows) {
        for (idx_t row = 0; row < rows; ++row) {
          const auto text = [&](idx_t column) {
            auto* value = static_cast<duckdb_string_t*>(
                              duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, column))) +
                          row;
            return std::string(duckdb_string_t_data(value), duckdb_string_t_length(*value));
          };
          table.names.push_back(text(0));
          table.category.push_back(text(1) == "VARCHAR");
          select += table.category.back() ? ", " + table.names.back()
                                          : ", CAST(" + table.names.back() + " AS FLOAT)";
        }
      });
  const size_t features = table.names.size();
  table.columns.resize(features);
  table.seen.resize(features);
  session.fetch(
      select + " FROM features WHERE is_late IS NOT NULL ORDER BY flight_id",
      [&](duckdb_data_chunk chunk, idx_t rows) {
        auto* target = static_cast<float*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0)));
        auto* at = static_cast<int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 1)));
        table.target.insert(table.target.end(), target, target + rows);
        table.at.insert(table.at.end(), at, at + rows);
        for (size_t f = 0; f < features; ++f) {
          duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, f + 2);
          void* data = duckdb_vector_get_data(vector);
          for (idx_t row = 0; row < rows; ++row) {
            float value = std::nanf("");
            if (valid(vector, row)) {
              if (table.category[f]) {
                duckdb_string_t* text = static_cast<duckdb_string_t*>(data) + row;
                const std::string_view level(duckdb_string_t_data(text), duckdb_string_t_length(*text));
                auto found = table.seen[f].find(level);
                if (found == table.seen[f].end())
                  found = table.seen[f].emplace(level, static_cast<int>(table.seen[f].size())).first;
                value = static_cast<float>(found->second);
              } else {
                value = static_cast<float*>(data)[row];
              }
            }
            table.columns[f].push_back(value);
          }
        }
      });
  return table;
}

/// A category's code is its place among the sorted levels of the rows trained on; others are missing. Levels
/// with few rows share one code, unless the notebook's matrix is asked for.
void sort_levels(Table& table, const std::vector<size_t>& train, bool fold) {
  constexpr size_t kRareRows = 10;
  constexpr double kRareShare = 0.01;
  for (size_t f = 0; f < table.names.size(); ++f) {
    if (!table.category[f]) continue;
    std::vector<size_t> count(table.seen[f].size());
    size_t all = 0;
    for (const size_t row : train)
      if (!std::isnan(table.columns[f][row])) ++count[static_cast<size_t>(table.columns[f][row])], ++all;
    std::map<std::string, float> kept;
    std::vector<std::string> level(count.size());
    for (const auto& [text, first] : table.seen[f]) {
      const size_t rows = count[static_cast<size_t>(first)];
      const bool rare =
          fold && rows < kRareRows && static_cast<double>(rows) < kRareShare * static_cast<double>(all);
      if (rows == 0) continue;
      level[static_cast<size_t>(first)] = rare ? "(other)" : text;
      kept[level[static_cast<size_t>(first)]] = 0;
    }
    float next = 0;
    for (auto& [text, code] : kept) code = next++;
    std::vector<float> code(count.size(), std::nanf(""));
    for (size_t first = 0; first < count.size(); ++first)
      if (count[first] > 0) code[first] = kept.at(level[first]);
    for (float& value : table.columns[f])
      if (!std::isnan(value)) value = code[static_cast<size_t>(value)];
  }
}

struct Words {
  std::vector<const char*> names, types;
};
Words words_of(const Table& table) {
  Words words;
  for (size_t f = 0; f < table.names.size(); ++f) {
    words.names.push_back(table.names[f].c_str());
    words.types.push_back(table.category[f] ? "c" : "float");
  }
  return words;
}

DMatrixHandle matrix(const Table& table, const std::vector<size_t>& rows, int threads) {
  const size_t features = table.names.size();
  std::vector<float> values(rows.size() * features), target(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t f = 0; f < features; ++f) values[i * features + f] = table.columns[f][rows[i]];
    target[i] = table.target[rows[i]];
  }
  DMatrixHandle made = nullptr;
  xgb(XGDMatrixCreateFromMat_omp(values.data(), rows.size(), features, std::nanf(""), &made, threads));
  xgb(XGDMatrixSetFloatInfo(made, "label", target.data(), target.size()));
  Words words = words_of(table);
  xgb(XGDMatrixSetStrFeatureInfo(made, "feature_name", words.names.data(), features));
  xgb(XGDMatrixSetStrFeatureInfo(made, "feature_type", words.types.data(), features));
  return made;
}

/// Boosts until validation has not become better for `patience` rounds; the best round.
int boost(BoosterHandle booster, DMatrixHandle train, DMatrixHandle validation, int rounds, int patience) {
  int best = 0;
  double lowest = INFINITY;
  const char* name = "validation";
  for (int round = 0; round < rounds; ++round) {
    xgb(XGBoosterUpdateOneIter(booster, round, train));
    const char* text = nullptr;
    xgb(XGBoosterEvalOneIter(booster, round, &validation, &name, 1, &text));
    const double loss = std::strtod(std::strrchr(text, ':') + 1, nullptr);
    if (loss < lowest)
      lowest = loss, best = round;
    else if (round - best >= patience)
      break;
  }
  return best;
}

/// Share of pairs in order, ties half: ranks of the positive rows.
double roc_auc(const std::vector<float>& target, const float* score) {
  std::vector<size_t> order(target.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return score[a] < score[b]; });
  double ranks = 0, positives = 0;
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    while (end < order.size() && score[order[end]] == score[order[i]]) ++end;
    for (size_t k = i; k < end; ++k)
      if (target[order[k]] > 0) ranks += static_cast<double>(i + end + 1) / 2, positives += 1;
    i = end;
  }
  return (ranks - positives * (positives + 1) / 2) /
         (positives * (static_cast<double>(target.size()) - positives));
}

int64_t days(const YAML::Node& node) { return std::stoll(node.as<std::string>()) * kDay; }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) die("usage: flights_by_hand EXAMPLE OUT [THREADS] [notebook]");
  by_hand::Clock clock;
  by_hand::Clock whole;
  const fs::path example = argv[1], out = argv[2];
  const int threads = argc > 3 ? std::atoi(argv[3]) : 2;
  const bool as_notebook = argc > 4 && std::string_view(argv[4]) == "notebook";
  const YAML::Node project = YAML::LoadFile((example / "tidemill.yaml").string());
  const YAML::Node model = project["models"]["late"], learn = model["train"], split = model["split"];
  fs::create_directories(out);
  Session session(threads, project["timezone"].as<std::string>());
  const double open_ms = clock.lap_ms();

  for (const auto& source : project["sources"])
    snapshot(session, out, source.first.as<std::string>(), scan(example, source.second));
  const double sources_ms = clock.lap_ms();
  std::map<std::string, double> transform_ms;
  for (const char* name : kTransforms) {
    snapshot(session, out, name, text_of(example / "transforms" / (std::string(name) + ".sql")));
    transform_ms[name] = clock.lap_ms();
  }
  session.run("COPY (FROM features) TO '" + (out / "export.parquet").string() +
              "' (FORMAT parquet, COMPRESSION zstd)");
  const double export_ms = clock.lap_ms();

  Table table = read_features(session);
  std::vector<size_t> train, validation, test;
  const int64_t test_from = *std::max_element(table.at.begin(), table.at.end()) - days(split["test"]) + 1;
  const int64_t valid_to = test_from - days(split["gap"]), valid_from = valid_to - days(split["validation"]);
  for (size_t row = 0; row < table.at.size(); ++row) {
    if (table.at[row] >= test_from)
      test.push_back(row);
    else if (table.at[row] >= valid_from && table.at[row] < valid_to)
      validation.push_back(row);
    else if (table.at[row] < valid_from - days(split["gap"]))
      train.push_back(row);
  }
  sort_levels(table, train, !as_notebook);
  const double read_ms = clock.lap_ms();
  DMatrixHandle matrices[] = {matrix(table, train, threads), matrix(table, validation, threads),
                              matrix(table, test, threads)};
  const double matrix_ms = clock.lap_ms();

  BoosterHandle booster = nullptr;
  xgb(XGBoosterCreate(matrices, 2, &booster));
  std::map<std::string, std::string> params{{"objective", "binary:logistic"},
                                            {"tree_method", "hist"},
                                            {"nthread", std::to_string(threads)},
                                            {"seed", learn["seed"].as<std::string>()}};
  if (!as_notebook) {
    double late = 0;
    for (const size_t row : train) late += table.target[row];
    char mean[32];
    std::snprintf(mean, sizeof mean, "%.9g", late / static_cast<double>(train.size()));
    params["base_score"] = mean;
  }
  for (const auto& param : learn["params"])
    params[param.first.as<std::string>()] = param.second.as<std::string>();
  for (const auto& [name, value] : params) xgb(XGBoosterSetParam(booster, name.c_str(), value.c_str()));
  const int best =
      boost(booster, matrices[0], matrices[1], learn["rounds"].as<int>(), learn["early_stopping"].as<int>());
  const double boost_ms = clock.lap_ms();

  BoosterHandle cut = nullptr;
  xgb(XGBoosterSlice(booster, 0, best + 1, 1, &cut));
  Words words = words_of(table);  // a slice forgets them
  xgb(XGBoosterSetStrFeatureInfo(cut, "feature_name", words.names.data(), words.names.size()));
  xgb(XGBoosterSetStrFeatureInfo(cut, "feature_type", words.types.data(), words.types.size()));
  bst_ulong bytes = 0;
  const char* content = nullptr;
  xgb(XGBoosterSaveModelToBuffer(cut, R"({"format": "ubj"})", &bytes, &content));
  std::ofstream(out / "model.ubj", std::ios::binary).write(content, static_cast<std::streamsize>(bytes));
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* score = nullptr;
  const std::string config =
      R"({"type": 0, "training": false, "strict_shape": false, "iteration_begin": 0, "iteration_end": )" +
      std::to_string(best + 1) + "}";
  xgb(XGBoosterPredictFromDMatrix(booster, matrices[2], config.c_str(), &shape, &dimensions, &score));
  std::vector<float> target;
  for (const size_t row : test) target.push_back(table.target[row]);
  const double auc = roc_auc(target, score);
  const double predict_ms = clock.lap_ms();

  std::printf(R"({"total_ms": %.1f, "open_ms": %.1f, "sources_ms": %.1f, )", whole.lap_ms(), open_ms,
              sources_ms);
  double transforms_ms = 0;
  for (const char* name : kTransforms) {
    transforms_ms += transform_ms[name];
    std::printf(R"("%s_ms": %.1f, )", name, transform_ms[name]);
  }
  std::printf(
      R"("transforms_ms": %.1f, "export_ms": %.1f, "read_ms": %.1f, "matrix_ms": %.1f, "boost_ms": %.1f, "predict_ms": %.1f, )",
      transforms_ms, export_ms, read_ms, matrix_ms, boost_ms, predict_ms);
  std::printf(R"("train": %zu, "validation": %zu, "test": %zu, "trees": %d, "roc_auc": %.6f, "peak_mb": %ld})"
              "\n",
              train.size(), validation.size(), test.size(), best + 1, auc, by_hand::peak_memory_mb());
  // Matrices and boosters end with the process.
}
