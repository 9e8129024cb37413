// A client for QMP, QEMU's control protocol: one JSON object a line over a unix
// socket; a greeting first, answers in the order of commands, events in between.
import { createConnection, type Socket } from "node:net";
import { LauncherError } from "./launcher-error.ts";

/** Something that happened to the machine, such as RESET or SHUTDOWN. */
export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A connection to one running QEMU; QEMU serves one at a time. */
export class Qmp {
  readonly #socket: Socket;
  readonly #onEvent: (event: QmpEvent) => void;
  /** Commands without an answer yet, oldest first. */
  readonly #waiting: Waiting[] = [];
  readonly #greeted = Promise.withResolvers<void>();
  #rest = "";

  private constructor(socket: Socket, onEvent: (event: QmpEvent) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => this.#take(String(chunk)));
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
  }

  /** Connects and negotiates. Rejects while nobody listens at `path`. */
  static async connect(path: string, onEvent: (event: QmpEvent) => void = () => {}): Promise<Qmp> {
    const qmp = new Qmp(createConnection({ path }), onEvent);
    await qmp.#greeted.promise;
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  /** Runs one command and gives its result. */
  execute(command: string, options?: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.push({ resolve, reject });
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: options })}\n`);
    return promise;
  }

  /** Hangs up; commands still without an answer reject. */
  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") this.#handle(JSON.parse(line));
  }

  #handle(message: unknown): void {
    if (!isRecord(message)) return;
    if ("QMP" in message) this.#greeted.resolve();
    if ("return" in message) this.#waiting.shift()?.resolve(message.return);
    if ("error" in message) this.#waiting.shift()?.reject(failure(message.error));
    if (typeof message.event !== "string") return;
    const data = isRecord(message.data) ? message.data : {};
    this.#onEvent({ name: message.event, data });
  }

  #end(): void {
    const gone = new LauncherError("talk to QEMU: the connection has ended");
    this.#greeted.reject(gone);
    for (const { reject } of this.#waiting.splice(0)) reject(gone);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function failure(error: unknown): LauncherError {
  const text = isRecord(error) ? String(error.desc) : String(error);
  return new LauncherError(`talk to QEMU: ${text}`);
}
