// NodeManagement.Reboot: what is asked of the machine, and what is refused.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Code, testCall } from "../../base/rpc/rpc.ts";
import {
  RebootRequest_NextBoot as NextBoot,
  RebootRequestSchema,
  RebootRequest_Type as Type,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { type PowerRequest, reboot } from "./reboot.ts";

/** Asks, and gives what the machine was told. */
async function asked(type: Type, nextBoot = NextBoot.START_NORMAL): Promise<PowerRequest> {
  const told = Promise.withResolvers<PowerRequest>();
  await reboot(told.resolve)(create(RebootRequestSchema, { type, nextBoot }), testCall());
  return told.promise;
}

test.each([
  [Type.FIRMWARE, "reboot"],
  [Type.POWER_OFF, "powerOff"],
] as const)("reboot of type %p asks for %s, after the answer", async (type, request) => {
  expect(await asked(type)).toBe(request);
});

test.each([
  [Type.INVALID, NextBoot.START_NORMAL],
  [Type.KEXEC, NextBoot.START_NORMAL],
  [99 as Type, NextBoot.START_NORMAL],
  [Type.FIRMWARE, NextBoot.START_ROLLBACK],
  [Type.FIRMWARE, 99 as NextBoot],
])("reboot refuses type %p with next boot %p", async (type, nextBoot) => {
  await expect(asked(type, nextBoot)).rejects.toMatchObject({ code: Code.unimplemented });
});
