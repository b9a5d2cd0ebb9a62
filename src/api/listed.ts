/** Names as a sentence has them, the first of many: `web-1, web-2, web-3 and 7 more`. */
export function listed(names: readonly string[], most = 3): string {
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return names.slice(0, most).join(', ') + more;
}
