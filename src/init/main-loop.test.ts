// Tests of init's main loop: as PID 1 of a namespace, with shell scripts as agents.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asPidOne, type MachineRun, machineProgram, NAMESPACE_END } from "./test-machine.ts";

/** Some machines let ordinary users have no namespaces; there is no PID 1 to test there. */
const isPossible = Bun.spawnSync([...asPidOne(["true"])]).exitCode === 0;

async function run(agentScript: string): Promise<MachineRun> {
  const program = asPidOne([process.execPath, "-e", machineProgram(agentScript)]);
  // A file, since the machine opens its console by name, and a pipe of Bun's has none.
  const file = join(mkdtempSync(join(tmpdir(), "metropolis-init-")), "console");
  const child = Bun.spawn([...program], { stdout: Bun.file(file), stderr: "inherit" });
  const exitCode = await child.exited;
  return { console: readFileSync(file, "utf8"), exitCode };
}

/** Which run of the agent this is, counted in a file that only the namespace sees. */
const COUNT = "n=$(($(cat /run/n 2>/dev/null || echo 0) + 1)); echo $n > /run/n;";

test("mainLoop restarts an agent that crashes and passes on its last lines", async () => {
  if (!isPossible) return;
  const { console, exitCode } = await run(`${COUNT}
    case $n in
      1) echo "oh no" >&2; exit 3;;
      2) timeout 0.5 cat > /run/heard; echo "heard: $(grep -c 'oh no' /run/heard)"; kill -9 $$;;
      *) exit 65;;
    esac`);
  expect(console).toMatch(
    /init I Starting the node, \d+\.\d s after the kernel, \d\.\d s after init/,
  );
  expect(console).toContain("init node R oh no");
  expect(console).toMatch(/init E The node exited with code 3 after .* again in 0.5 s/);
  expect(console).toContain("init node R heard: 1");
  expect(console).toMatch(/init E The node was killed by SIGKILL after .* again in 1 s/);
  expect(console).toContain("init I The node asks to power off");
  expect(console.trimEnd()).toEndWith("init I Powering off");
  expect(exitCode).toBe(NAMESPACE_END.powerOff);
});

test("mainLoop reaps orphans", async () => {
  if (!isPossible) return;
  const { console } = await run(`${COUNT}
    [ $n = 2 ] && exit 65
    for i in 1 2 3; do (sleep 0.1 &); done
    sleep 1.5
    echo "zombies: $(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l)"
    exit 1`);
  expect(console).toContain("zombies: 0");
});

test("mainLoop reboots at Ctrl-Alt-Del, and ends the agent gently before", async () => {
  if (!isPossible) return;
  // That it was pressed is the agent's to tell, who has the console; here it tells nothing.
  const { console, exitCode } = await run(`
    trap 'exit 0' TERM
    kill -INT 1
    sleep 20 & wait`);
  expect(console).not.toContain("starting it again");
  expect(console.trimEnd()).toEndWith("init I Rebooting");
  expect(exitCode).toBe(NAMESPACE_END.reboot);
});

test("mainLoop gives up waiting neither for deaf programs nor for what it cannot start", async () => {
  if (!isPossible) return;
  const { console, exitCode } = await run("trap '' TERM; (trap '' TERM; sleep 60) & exit 64");
  expect(console).toContain("init I The node asks to reboot");
  expect(exitCode).toBe(NAMESPACE_END.reboot);
});

test("mainLoop lets an agent find no disk mounted that its predecessor left", async () => {
  if (!isPossible) return;
  const { console } = await run(`${COUNT}
    [ $n = 1 ] && mkdir /run/disk && mount -t tmpfs /dev/fake /run/disk && exit 1
    [ $n = 2 ] && echo "left: $(grep -c '^/dev/fake' /proc/self/mounts)" && exit 1
    exit 65`);
  expect(console).toContain("left: 0");
});

test("mainLoop ends what has left the agent's group before it starts the next one", async () => {
  if (!isPossible) return;
  const { console } = await run(`${COUNT}
    [ $n = 1 ] && { setsid sleep 100 > /dev/null 2>&1 & echo $! > /run/stray; } &&
      { echo $! > /sys/fs/cgroup/cgroup.procs; sleep 0.3; exit 1; } 2>/dev/null
    [ $n = 2 ] && { kill -0 $(cat /run/stray) 2>/dev/null && echo "it lives" || echo "it ended"; }
    [ $n = 2 ] && exit 1
    exit 65`);
  expect(console).toContain("it ended");
});

test("mainLoop starts nothing that an agent has laid over the system", async () => {
  if (!isPossible) return;
  const { console } = await run(`${COUNT}
    [ $n = 1 ] && mount -t tmpfs over /opt && mount --bind /opt /etc && exit 1
    [ $n = 2 ] && echo "over: $(grep -c '^over' /proc/self/mounts)" && exit 1
    exit 65`);
  expect(console).toContain("over: 0");
});

test("mountAll mounts what programs need", async () => {
  if (!isPossible) return;
  const { console } = await run(`${COUNT}
    [ $n = 1 ] && cut -d ' ' -f 2 /proc/self/mounts && exit 1
    exit 65`);
  const needed = ["/proc", "/sys", "/dev", "/run", "/tmp"];
  for (const target of needed) expect(console).toContain(`R ${target}\n`);
});
