// Tests of the command that makes a process a machine.
import { expect, test } from "bun:test";
import { run } from "../base/process/process.ts";
import { machinePaths, pathsOf } from "./paths.ts";
import { nodeCommand } from "./process-script.ts";

const machine = { number: 7, memoryMiB: 0, cpus: 1, hasTpm: false, fwCfg: {} };
const paths = machinePaths(pathsOf("/clusters/demo"), 7);

test("nodeCommand tells the node where it lives, by a short path", () => {
  const { argv } = nodeCommand(machine, paths, "/programs");
  expect(argv.slice(-4)).toEqual(["--folder", "/run/node", "--programs", "/programs"]);
});

test("nodeCommand gives the machine its place in the network", () => {
  const { env } = nodeCommand(machine, paths, "/programs");
  expect(env).toMatchObject({
    FOLDER: "/clusters/demo/machines/7",
    ADDRESSES: "10.1.0.8/24",
    ROUTERS: "10.1.0.1",
    SIDE_ADDRESS: "",
    MAC: "52:54:00:4d:00:07",
    CABLE: "m7",
  });
});

test("nodeCommand gives addresses of the families that the machine shall have, and a side card", () => {
  const place = { hasIpv4: false, hasIpv6: true, hasSideCard: true };
  const { env } = nodeCommand({ ...machine, network: place }, paths, "/programs");
  expect(env).toMatchObject({
    ADDRESSES: "fd4d:6574:726f::8/64",
    ROUTERS: "fd4d:6574:726f::1",
    SIDE_ADDRESS: "10.2.0.8/24",
  });
});

test("nodeCommand starts from source by the variable that names the role", () => {
  const { env } = nodeCommand(machine, paths, "/programs");
  expect(env).toMatchObject({ METROPOLIS_ROLE: "node", ROLE_LINK: "" });
});

test("the scripts of nodeCommand are what a shell understands", async () => {
  const { argv, env } = nodeCommand(machine, paths, "/programs");
  const [, , outside = ""] = argv;
  for (const script of [outside, env.INSIDE ?? ""]) {
    await run(["sh", "-n", "-c", script]);
  }
});
