// The files of a batch prediction, looked at before anything of them is read: what the input names, and
// whether the output can be written without touching it.
#pragma once

#include <vector>

#include "base/file.hpp"

namespace tidemill::pipeline {

/// The files that `input` means, absolute: one, or those that a glob matches (*, ?, [..], ** for folders).
/// Errors: io.missing, source.no_files, source.too_many_files.
Result<std::vector<Path>> batch_input(const Path& input);

/// That a file can appear at `output`, in a folder that is made if need be, and is none of the input: not by
/// another path, a link, or because the input's glob matches its name. Errors: predict.output_is_input,
/// predict.unwritable_output.
Result<void> check_batch_output(const Path& output, const Path& input, const std::vector<Path>& files);

}  // namespace tidemill::pipeline
