// Which processes are ours: started here and not yet waited for.

const live = new Set<number>();

/**
 * The pids of all live children. A reaper of orphans must leave them alone:
 * whoever waits for a child of ours steals its exit code.
 */
export function ownPids(): ReadonlySet<number> {
  return live;
}

/** Counts a child as ours until `exited` settles. */
export function own(pid: number, exited: Promise<unknown>): void {
  live.add(pid);
  const disown = () => live.delete(pid);
  void exited.then(disown, disown);
}
