// `metroctl node remove role <role> <ids…>`: takes a role from nodes.
import { roleCommand } from "../role-change.ts";

export default roleCommand("remove");
