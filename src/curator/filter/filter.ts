// The filter of Management.GetNodes: a CEL expression over one node, bounded in
// shape (structure.ts) and in cost (meter.ts), as anyone who may read the
// cluster's status may send one.
import { celEnv, isCelError, plan } from "@bufbuild/cel";
import { create, createRegistry, type DescEnumValue } from "@bufbuild/protobuf";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import {
  file_metropolis_proto_api_management,
  type Node,
  Node_HealthSchema,
  NodeSchema,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import {
  file_metropolis_proto_common_common,
  NodeStateSchema,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { Meter, meteredFunctions } from "./meter.ts";
import { readStructure, StructureError } from "./structure.ts";

/** Says whether a node is wanted. Throws an RpcError where that cannot be said. */
export type NodeFilter = (node: Node) => boolean;

const options = {
  registry: createRegistry(
    file_metropolis_proto_api_management,
    file_metropolis_proto_common_common,
  ),
  namespace: "metropolis.proto.api",
};

/** Names of a value without its enum; health is also known by less, as `HEALTHY`. */
const names = {
  [NodeStateSchema.typeName]: (value: DescEnumValue) => [value.name],
  [Node_HealthSchema.typeName]: ({ name, localName }: DescEnumValue) => [
    ...[name, localName, `Node.Health.${localName}`],
  ],
};

/** Values of enums, as CEL integers. */
const constants = Object.fromEntries(
  [NodeStateSchema, Node_HealthSchema].flatMap(({ typeName, values }) =>
    values.flatMap((value) =>
      (names[typeName]?.(value) ?? []).map((name) => [name, BigInt(value.number)]),
    ),
  ),
);

/**
 * Makes the filter of one request from its source; an empty one keeps all.
 * Throws an RpcError, invalidArgument, for a source that is no such filter.
 */
export function nodeFilter(source: string): NodeFilter {
  if (source.trim() === "") return () => true;
  const filter = compile(source);
  // A filter that gives no boolean is wrong also where there are no nodes. Any
  // other failure may be due to the sample.
  const trial = filter(create(NodeSchema, { roles: {}, status: {}, labels: {} }));
  if (!isCelError(trial)) asBoolean(trial);
  return (node) => asBoolean(filter(node));
}

function compile(source: string) {
  const meter = new Meter();
  try {
    const { expression, nodes } = readStructure(source);
    const funcs = meteredFunctions(celEnv(options).funcs, meter);
    const evaluate = plan(celEnv({ ...options, funcs }), expression);
    return (node: Node) => {
      meter.next();
      meter.charge(nodes);
      return evaluate({ ...constants, node });
    };
  } catch (error) {
    if (error instanceof StructureError) throw invalid(error.message, error);
    throw invalid("expression cannot be planned", error);
  }
}

function asBoolean(result: unknown): boolean {
  if (typeof result === "boolean") return result;
  if (isCelError(result)) throw invalid(`${result.message}${known(result.message)}`, result);
  throw invalid("result is not a boolean");
}

/** The library does not say which name it means. */
function known(message: string): string {
  return message === "unresolved attribute"
    ? `: there are node, and ${Object.keys(constants).filter(isPlain).join(", ")}`
    : "";
}

/** Of several names for one value the table's, without its enum. */
function isPlain(name: string): boolean {
  return !/\.|^HEALTH_|INVALID/.test(name);
}

function invalid(reason: string, cause?: unknown): RpcError {
  return new RpcError(Code.invalidArgument, `filter: ${reason}`, { cause });
}
