// For tests: whether processes still run.
import { existsSync, readFileSync } from "node:fs";
import { sleep } from "../event/event.ts";

const ROUNDS = 200;
const ROUND_MS = 10;

/** Whether a process runs; a zombie that nobody waits for does not. */
export function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/\) [ZX]/.test(readFileSync(path, "latin1"));
}

/** Waits until a process is gone, as orphans take a moment; false if it stays. */
export async function gone(pid: number): Promise<boolean> {
  for (let round = 0; round < ROUNDS && isRunning(pid); round += 1) await sleep(ROUND_MS);
  return !isRunning(pid);
}
