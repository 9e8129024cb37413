// Who may connect to a unix socket, where the folder that it lies in is somebody else's.
import { chmodSync, closeSync, constants, fstatSync, openSync } from "node:fs";

/** open(2): a place in the file system, and nothing of what is there. */
const O_PATH = 0o10000000;

/** What lies where a socket should. */
export class SocketModeError extends Error {
  override readonly name = "SocketModeError";
}

/**
 * Sets the mode of the socket at a path. Whoever owns the folder can put a link to another file
 * there: that is refused with a {@link SocketModeError}, and the other file stays as it is.
 */
export function setSocketMode(path: string, mode: number): void {
  const place = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(place).isSocket()) throw new SocketModeError(`${path} is no socket`);
    // By this name it is the file that was looked at, whatever lies at the path by now.
    chmodSync(`/proc/self/fd/${place}`, mode);
  } finally {
    closeSync(place);
  }
}
