// A member that was one lately, or is a bad one: it proves its join key to others that look for each
// other, and names false addresses of a third, so that the true one is not tried any more.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { testCall } from "../../src/base/rpc/test-call.ts";
import { MeetRequestSchema } from "../../src/gen/metropolis/node/core/recovery/recovery_pb.ts";
import { recoveryHandlers } from "../../src/node/recovery/handlers.ts";
import { testMembers } from "../../src/node/recovery/test-member.ts";
import { Whereabouts } from "../../src/node/whereabouts/whereabouts.ts";

test("who names false addresses of another member leaves room for the true one", async () => {
  const [here, liar, honest, wanted] = await testMembers(4, 3);
  if (!here || !liar || !honest || !wanted) throw new Error("no members");
  const whereabouts = new Whereabouts();
  whereabouts.expect([wanted.id]);
  const { meet } = recoveryHandlers(here.lock, { addresses: () => [], whereabouts });
  const tell = async (member: typeof liar, hosts: readonly string[]) => {
    const others = hosts.map((address) => ({ nodeId: wanted.id, address }));
    const peer = { kind: "anonymous", publicKey: member.join.publicKey } as const;
    await meet?.(create(MeetRequestSchema, { others }), testCall({ peer }));
  };
  await tell(honest, ["10.1.0.53"]);
  const false16 = Array.from({ length: 16 }, (_, at) => `10.2.0.${at + 1}`);
  for (let again = 0; again < 3; again++) await tell(liar, ["10.1.0.53", ...false16]);
  expect(whereabouts.candidates(wanted.id)).toContain("10.1.0.53");
  expect(whereabouts.candidates(wanted.id)).toHaveLength(5);
});
