// Markdown files are imported as text; Bun embeds them in the executable.
declare module "*.md" {
  const text: string;
  export default text;
}
