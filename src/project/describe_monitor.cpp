// How what is served is watched: monitors, labels, and who is told.
#include "project/describe.hpp"

namespace tidemill::project {

using Target = Scalar::Target;

namespace {

Form limit_form() { return either(any_of(real(), duration()), scalar(share())); }

const Object& traffic_object() {
  static const Object described{"traffic",
                                "How many predictions are expected.",
                                {{"min", scalar({Scalar::Kind::Rate}), "At least so many."},
                                 {"max", scalar({Scalar::Kind::Rate}), "At most so many."}},
                                {},
                                {{"min", "max"}}};
  return described;
}

}  // namespace

const Object& monitor_object() {
  const auto actions = [] { return words({"alert", "retrain", "rollback"}); };
  static const std::vector<std::string> kinds{"drift",    "metric",  "traffic",    "quality",
                                              "fairness", "latency", "attribution"};
  static const Object described{
      "monitor",
      "A rule on live traffic: exactly one of drift, metric, traffic, quality, fairness, latency, "
      "attribution.",
      {{"drift", scalar(words({"psi", "js", "ks", "wasserstein", "chi2", "linf"})),
        "A distance of inputs and score from a reference, in the bins that were fixed in training: psi, js "
        "(Jensen–Shannon, base 2), "
        "ks (of numbers), wasserstein (of numbers, in standard deviations), chi2 (Cramér's V, 0 to 1) or "
        "linf (largest difference of a share). "
        "It fails only above what 99 % of windows stay under when nothing drifts, too."},
       {"metric", scalar(metric()), "Performance where labels are known."},
       {"traffic", object(traffic_object()), "How many predictions come in."},
       {"quality", scalar(words({"missing", "unseen", "out_of_range", "type_errors"})),
        "A share of live values that are not as in training: missing ones beyond those of training and of "
        "chance, texts or "
        "numbers that training "
        "never had, values of another type."},
       {"fairness",
        scalar(words({"demographic_parity", "equal_opportunity", "equalised_odds", "four_fifths"})),
        "A difference between groups."},
       {"latency", scalar(words({"p50", "p90", "p99"})), "A percentile of the time that a prediction takes."},
       {"attribution", scalar(words({"ndcg"})), "The order of the features' weight against training's."},
       {"slices", list_of(scalar(column_name()), 1, 20),
        "Columns by whose values it is watched as well, each value by itself: the 50 most frequent ones.",
        "all rows together"},
       {"columns", one_or_list(text()), "The columns that are watched; \"*\" is all, `score` the prediction.",
        "\"*\""},
       {"reference", scalar(words({"training", "previous", "last_year"})), "What drift is measured against.",
        "training"},
       {"warn", limit_form(), "Warn past this limit."},
       {"fail", limit_form(), "Fail past this limit, a share for quality: 1%."},
       {"min", scalar(real()), "Fail below this."},
       {"max", limit_form(), "Fail above this, a time for latency: 50ms."},
       {"window", any_of(duration(), whole(1, 1e9)),
        "The span that is looked at, or the last so many predictions.", "7d"},
       {"every", scalar(duration()), "How often it is looked at.", "1h"},
       {"for", scalar(whole(1, 1'000)), "So many evaluations in a row must fail before it fires.",
        "1 for quality, 3 for drift"},
       {"min_rows", scalar(whole(1)), "With fewer rows there is not enough data to say anything.", "200"},
       {"estimated", scalar(yes_or_no()),
        "Estimate the metric where labels are missing; estimates alert, they never retrain.", "false"},
       {"on_fail", either(scalar(actions()), list_of(scalar(actions()), 1, 3)),
        "What to do. An alert is always told; estimates do nothing else.", "alert"}},
      {kinds},
      {kinds},
      "late:\n  - {drift: psi, columns: \"*\", warn: 0.1, fail: 0.2, window: 7d, every: 1h, on_fail: alert}\n"
      "  - {metric: roc_auc, min: 0.60, window: 28d, on_fail: [alert, retrain]}",
      {{"drift", {"warn", "fail"}, "for example warn: 0.1, fail: 0.2"},
       {"metric", {"min", "max"}, "for example min: 0.6"},
       {"quality", {"warn", "fail"}, "for example fail: 1%"},
       {"fairness", {"min", "max"}, "for example min: 0.8"},
       {"latency", {"max"}, "for example max: 50ms"},
       {"attribution", {"min"}, "for example min: 0.9"},
       {"columns", {"drift", "quality"}, "what is watched has no columns otherwise"},
       {"reference", {"drift"}, "only drift is measured against a reference"},
       {"estimated", {"metric"}, "only a metric can be estimated"},
       {"slices", {"drift", "metric", "quality"}, "this has no slices"},
       {"warn", {"drift", "quality"}, "only drift and quality warn; a metric has min or max"},
       {"fail", {"drift", "quality"}, "drift and quality have fail; a metric has min or max"},
       {"min", {"metric", "fairness", "attribution"}, "drift and quality have fail, latency has max"},
       {"max", {"metric", "fairness", "latency"}, "drift and quality have fail, attribution has min"}}};
  return described;
}

const Object& label_object() {
  static const Object described{
      "labels",
      "Where a deployment's truths come from, beside those that are posted.",
      {{"from", scalar(reference(Target::Table)), "The table that has them.", "", Key::Need::Required},
       {"key", one_or_list(column_name()), "The column or columns that name the row.", "",
        Key::Need::Required},
       {"value", scalar(column_name()), "The column with the truth.", "", Key::Need::Required},
       {"matures_after", scalar(duration()),
        "Only predictions this old count, since early labels are biased.", "0s"},
       {"missing", scalar(any_value()), "What a label is that never came, once matured.", "unknown"}},
      {},
      {},
      "late: {from: outcomes, key: flight_id, value: is_late, matures_after: 2d}"};
  return described;
}

const Object& notify_object() {
  const auto events = [] {
    return words({"done", "failed", "rejected", "promoted", "rolled_back", "refused", "firing", "resolved"});
  };
  static const Object described{
      "notify",
      "Who is told, and of what.",
      {{"webhook", scalar(url()), "A URL that gets a JSON message."},
       {"form", scalar(words({"json", "slack"})), "The form of the webhook's message.",
        "slack for hooks.slack.com, else json"},
       {"alertmanager", scalar(url()), "The URL of a Prometheus Alertmanager."},
       {"on", either(scalar(events()), list_of(scalar(events()), 1, 8)), "Of what.",
        "[failed, rejected, firing]"}},
      {},
      {},
      "notify: {webhook: \"${env:ALERT_WEBHOOK}\", on: [failed, rejected, firing]}",
      {{"on", {"webhook", "alertmanager"}, "say where to"}, {"form", {"webhook"}, "it is the webhook's"}}};
  return described;
}

}  // namespace tidemill::project
