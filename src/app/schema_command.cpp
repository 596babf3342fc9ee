// tidemill schema, completion.
#include <fmt/format.h>

#include "api/change_endpoints.hpp"
#include "api/openapi.hpp"
#include "api/routes.hpp"
#include "app/commands.hpp"
#include "app/output.hpp"

namespace tidemill::app {

namespace {

// Each asks `tidemill complete` with the words so far. Where that knows nothing, the shell offers files.
constexpr std::string_view kBash = R"sh(# bash completion of tidemill
_tidemill() {
  local IFS=$'\n'
  COMPREPLY=($(tidemill complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _tidemill tidemill
)sh";
constexpr std::string_view kZsh = R"sh(#compdef tidemill
_tidemill() {
  local -a found
  found=(${(f)"$(tidemill complete "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( $#found )); then compadd -a found; else _files; fi
}
if [ "$funcstack[1]" = _tidemill ]; then _tidemill "$@"; else compdef _tidemill tidemill; fi
)sh";
constexpr std::string_view kFish = R"sh(# fish completion of tidemill
function __tidemill_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (tidemill complete $words[2..] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c tidemill -f -a '(__tidemill_complete)'
)sh";

}  // namespace

int schema(bool markdown) {
  print(markdown ? project::reference_markdown() : to_text(project::json_schema(), 2));
  return 0;
}

int openapi_schema() {
  serving::Deployments none;
  api::Inference inference(none);
  api::Changes changes(none, {});
  monitoring::Labels labels;
  const api::Access access({});
  const api::Routes routes(inference, access, {.changes = &changes, .labels = &labels});
  print(to_text(api::openapi(routes.endpoints(), inference, api::Tokens::Demanded), 2));
  return 0;
}

int completion(const std::string& shell) {
  fmt::print("{}", shell == "zsh" ? kZsh : shell == "fish" ? kFish : kBash);
  return 0;
}

}  // namespace tidemill::app
