/** Which of two schemas, named by their titles, a value has is told by its `type` (OpenAPI 3.1, discriminator object). */
export function byType(
  simple: string,
  full: string,
): { readonly propertyName: 'type'; readonly mapping: Readonly<Record<'simple' | 'full', string>> } {
  const at = (title: string): string => `#/components/schemas/${title}`;
  return { propertyName: 'type', mapping: { simple: at(simple), full: at(full) } };
}
