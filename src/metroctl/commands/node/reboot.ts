// `metroctl node reboot <id>`: restarts a machine in good order.
import { powerCommand } from "./power.ts";

export default powerCommand("reboot");
