// The scalars of tidemill.yaml: what each kind of value looks like, in words and in the schema.
#include "project/describe.hpp"

namespace tidemill::project {

using Kind = Scalar::Kind;

Scalar text() { return {Kind::Text}; }
Scalar sql_text() { return {Kind::Sql}; }
Scalar path_text() { return {Kind::Path}; }
Scalar identifier() { return {Kind::Identifier}; }
Scalar column_name() { return {Kind::Column}; }
Scalar yes_or_no() { return {Kind::Bool}; }
Scalar whole(double min, double max) { return {Kind::Integer, min, max}; }
Scalar real(double min, double max) { return {Kind::Number, min, max}; }
Scalar share(double min, double max) { return {Kind::Share, min, max}; }
Scalar duration() { return {Kind::Duration}; }
Scalar positive_duration() { return {Kind::Duration, 1}; }
Scalar url() { return {Kind::Url}; }
Scalar words(std::vector<std::string> words) {
  Scalar scalar{Kind::Word};
  scalar.words = std::move(words);
  return scalar;
}
Scalar metric() { return {Kind::Metric}; }
Scalar any_value() { return {Kind::Value}; }
Scalar reference(Scalar::Target target) {
  Scalar scalar{Kind::Reference};
  scalar.target = target;
  return scalar;
}

}  // namespace tidemill::project
