// `metroctl node add role <role> <ids…>`: gives a role to nodes.
import { roleCommand } from "../role-change.ts";

export default roleCommand("add");
