// tidemill schema, completion.
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"

namespace tidemill::app {

namespace {

constexpr std::string_view kCommands =
    "init plan run check profile serve predict runs models tables releases explain diff promote rollback gc "
    "audit verify schema completion";

// Tables and models of the project at hand come from the registry; a shell shows nothing when there is none.
constexpr std::string_view kBash = R"sh(# bash completion of tidemill
_tidemill() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]}}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{0}" -- "$word"))
  elif [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$(tidemill "$command" --help 2>/dev/null | grep -oE -- '--[a-z-]+' | sort -u)" -- "$word"))
  elif [[ $command =~ ^(plan|run|check|profile|explain)$ ]]; then
    COMPREPLY=($(compgen -W "$(tidemill tables 2>/dev/null | awk 'NR>1{{print $1}}')" -- "$word"))
  elif [[ $command =~ ^(predict|promote|rollback)$ ]]; then
    COMPREPLY=($(compgen -W "$(tidemill models 2>/dev/null | awk 'NR>1{{print $1}}' | sort -u)" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -o default -F _tidemill tidemill
)sh";
constexpr std::string_view kZsh = R"sh(#compdef tidemill
autoload -U +X bashcompinit && bashcompinit
)sh";
constexpr std::string_view kFish = R"sh(# fish completion of tidemill
complete -c tidemill -f -n __fish_use_subcommand -a "{0}"
complete -c tidemill -n "__fish_seen_subcommand_from plan run check profile explain" -f -a "(tidemill tables 2>/dev/null | awk 'NR>1{{print \$1}}')"
complete -c tidemill -n "__fish_seen_subcommand_from predict promote rollback" -a "(tidemill models 2>/dev/null | awk 'NR>1{{print \$1}}' | sort -u)"
)sh";

}  // namespace

int schema(bool markdown) {
  print(markdown ? project::reference_markdown() : to_text(project::json_schema(), 2));
  return 0;
}

int completion(const std::string& shell) {
  if (shell == "zsh")
    print(std::string(kZsh) + fmt::format(kBash, kCommands));
  else
    print(fmt::format(fmt::runtime(shell == "bash" ? kBash : kFish), kCommands));
  return 0;
}

}  // namespace tidemill::app
