// sethostname(2).
import { check, libc } from "./syscall.ts";

/** Sets the name that uname(2) gives. */
export function setHostname(name: string): void {
  const bytes = new TextEncoder().encode(name);
  check(libc().sethostname(bytes, bytes.length), "sethostname", name);
}
