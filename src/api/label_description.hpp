// What the endpoint of labels takes and answers, for the OpenAPI document.
#pragma once

#include "api/description.hpp"

namespace tidemill::api {

Json label_schemas();
Description describe_labels();

}  // namespace tidemill::api
