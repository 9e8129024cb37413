// What an operator does next while nobody leads, by what is found of the members.
import type { Member } from "./survey.ts";

/** One sentence of what is missing, and what helps, as the chapter Troubleshooting has it. */
export function nextStep(members: readonly Member[]): string {
  const of = (...states: readonly Member["state"][]) =>
    members.filter(({ state }) => states.includes(state));
  const needed = Math.floor(members.length / 2) + 1;
  const here = of("up", "failing", "locked").length;
  const count = `of ${members.length} members ${needed} are needed`;
  if (here < needed) {
    return (
      `${count}, and ${here} answer: switch on ${names(of("silent"))}; ` +
      "where too many are gone for good, metroctl cluster restore <address> <file>"
    );
  }
  if (here - of("failing").length < needed) {
    return (
      `${count}, and ${names(of("failing"))} cannot run: mend what is wrong there, ` +
      "or metroctl cluster restore <address> <file>"
    );
  }
  if (of("up").length < needed) {
    const hosts = of("locked").map(({ host }) => host);
    return (
      `${count}, and ${of("up").length} are open: locked ones open each other in a moment; ` +
      `where they do not, metroctl cluster recover ${hosts.join(" ")}`
    );
  }
  return `${count}, and ${of("up").length} are up: they elect one in a few seconds, run it again`;
}

function names(members: readonly Member[]): string {
  return members.map(({ id, host }) => id || host).join(", ");
}
