// Programs that we start: those that do one thing (run), those that run for as
// long as a runnable (program), and our own executable in another role.
//
//   run, program ──► group: a process group, and a cgroup if given
//                      │  confinement: as the one function says, for every start
//                      │  environment: explicit, never BUN_*
//                      │  stdin: the way for secrets, arguments are not
//                      │  stdout, stderr: bounded; lines to parsers or the log
//                      └► end: SIGTERM, a pause, SIGKILL for all of the group
//
// Bun waits for each child by its pid; nothing here, and nothing elsewhere, may
// wait for any child (waitpid of -1): that steals exit codes. A reaper of
// orphans asks ownPids.
export { type Child, type ChildOptions, type ExitStatus, startChild } from "./child.ts";
export { type Confine, confineStarts } from "./confine.ts";
export { type Dialog, type DialogOptions, startDialog } from "./dialog.ts";
export { environment } from "./environment.ts";
export { ExitError } from "./exit-error.ts";
export type { StartOptions } from "./group.ts";
export { eachLine, lines } from "./lines.ts";
export { ownPids } from "./own-pids.ts";
export { describePrivileges } from "./privileges.ts";
export { type ProgramOptions, program } from "./program.ts";
export { isCompiled, roleCommand, self } from "./role.ts";
export { type Output, type RunOptions, run } from "./run.ts";
