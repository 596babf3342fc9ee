// The tables of keys, one function a thing the user declares. Words in them end up in messages, in the editor
// and in docs/reference/project-file.md.
#pragma once

#include "project/form.hpp"

namespace tidemill::project {

// Single values, by their kind
Scalar text();
Scalar sql_text();
Scalar path_text();
Scalar identifier();
Scalar column_name();
Scalar yes_or_no();
Scalar whole(double min, double max = 1e15);
Scalar real(double min = -std::numeric_limits<double>::infinity(),
            double max = std::numeric_limits<double>::infinity());
Scalar share(double min = 0, double max = 1);
Scalar duration();
Scalar positive_duration();
Scalar url();
Scalar words(std::vector<std::string> words);
Scalar metric();
Scalar any_value();
Scalar reference(Scalar::Target target);

const Object& connection_object();
const Object& source_object();
const Object& column_object();  // its checks are on the column
const Object& retries_object();
const Object& column_check_object();
const Object& table_check_object();
const Object& model_check_object();
const Object& transform_object();
const Object& model_object();
const Object& deployment_object();
const Object& monitor_object();
const Object& label_object();
const Object& export_object();
const Object& schedule_object();
const Object& notify_object();
const Object& run_object();
const Object& environment_object();

/// A list of checks, each a bare word or a map.
Form checks_form(const Object& check);

}  // namespace tidemill::project
