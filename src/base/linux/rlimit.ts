// setrlimit(2), which children inherit.
import { check, libc } from "./syscall.ts";

const resources = { core: 4, openFiles: 7, lockedMemory: 8 } as const;

/** A limited resource. */
export type Resource = keyof typeof resources;

/** A limit: what counts now, and how far one may raise it. All ones is without limit. */
export interface Limit {
  readonly soft: bigint;
  readonly hard: bigint;
}

/** The limit in force for this process. */
export function getLimit(resource: Resource): Limit {
  const pair = new BigUint64Array(2);
  check(libc().getrlimit(resources[resource], pair), "getrlimit", resource);
  return { soft: pair[0] ?? 0n, hard: pair[1] ?? 0n };
}

/** Sets the limit for this process and the children it starts from now on. */
export function setLimit(resource: Resource, { soft, hard }: Limit): void {
  const pair = new BigUint64Array([soft, hard]);
  check(libc().setrlimit(resources[resource], pair), "setrlimit", resource);
}
