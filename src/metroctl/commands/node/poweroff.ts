// `metroctl node poweroff <id>`: switches a machine off in good order.
import { powerCommand } from "./power.ts";

export default powerCommand("poweroff");
