// Completion scripts for bash, zsh and fish. All three look up the same table:
// the command words so far, and what may follow them.
import { UsageError } from "./user-error.ts";

/** What may follow one command. */
export interface Words {
  readonly path: readonly string[];
  readonly words: readonly string[];
  /** Its flags that want a value, aliases too. */
  readonly valued?: readonly string[];
}

/** The script for a shell. Throws a {@link UsageError} for one we do not know. */
export function completionScript(shell: string, table: readonly Words[]): string {
  switch (shell) {
    case "bash":
      return bash(table);
    case "zsh":
      // zsh runs bash's completion functions as they are.
      return `#compdef metroctl\nautoload -U +X bashcompinit && bashcompinit\n${bash(table)}`;
    case "fish":
      return fish(table);
    default:
      throw new UsageError(`no completion for ${shell}: there are bash, zsh and fish`);
  }
}

/**
 * bash makes words of their own of `=` and what follows it. A word belongs to
 * the command while some command goes by it: what comes after are arguments.
 */
function bash(table: readonly Words[]): string {
  const cases = table.map(
    ({ path, words }) => `    "${path.join(" ")}") words="${words.join(" ")}";;`,
  );
  const paths = table
    .filter(({ path }) => path.length > 0)
    .map(({ path }) => `"${path.join(" ")}"`);
  const known =
    paths.length === 0 ? "" : `        ${paths.join("|")}) path="\${path:+$path }$word";;\n`;
  const valued = [...new Set(table.flatMap(({ valued = [] }) => valued))].join(" ");
  return `_metroctl() {
  local path="" word words="" isValue="" at
  local current="\${COMP_WORDS[COMP_CWORD]}"
  for ((at = 1; at < COMP_CWORD; at++)); do
    word="\${COMP_WORDS[at]}"
    if [[ "$word" == "=" ]]; then isValue=yes
    elif [[ -n "$isValue" ]]; then isValue=""
    elif [[ " ${valued} " == *" $word "* ]]; then isValue=yes
    elif [[ "$word" != -* ]]; then
      case "\${path:+$path }$word" in
${known}      esac
    fi
  done
  COMPREPLY=()
  [[ -z "$isValue" && "$current" != "=" ]] || return 0
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _metroctl metroctl`;
}

function fish(table: readonly Words[]): string {
  const lines = table.map(({ path, words }) => {
    const condition = `test "(__metroctl_path)" = "${path.join(" ")}"`;
    return `complete -c metroctl -n '${condition}' -a '${words.join(" ")}'`;
  });
  return `function __metroctl_path
  set -l words (commandline -opc)
  string join " " (string match -v -- "-*" $words[2..-1])
end
${lines.map((line) => line.replace('"(__metroctl_path)"', "(__metroctl_path | string collect)")).join("\n")}`;
}
