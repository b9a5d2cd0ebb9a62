import { type Guest, metadataLabelsAnnotation } from '../api/resources.ts';

/** A merge patch of a Guest's labels, and of the note of which of them are the metadata's. */
export interface LabelPatch {
  metadata: { labels: Record<string, string | null>; annotations: Record<string, string | null> };
}

/**
 * What makes a Guest's labels those of its domain's metadata, leaving alone what people have put there by other names.
 * Undefined when they are. The names are noted at the Guest: a label that the metadata has no longer goes, whichever
 * agent put it there.
 */
export function labelPatch({ metadata }: Guest, labels: Record<string, string>): LabelPatch | undefined {
  const noted = metadata.annotations?.[metadataLabelsAnnotation] ?? '';
  const names = namesOf(labels);
  const gone = noted.split(',').filter((name) => name !== '' && !Object.hasOwn(labels, name));
  const changed = Object.entries(labels).filter(([name, value]) => metadata.labels?.[name] !== value);
  if (names === noted && changed.length === 0) return undefined;
  return {
    metadata: {
      labels: { ...Object.fromEntries(gone.map((name) => [name, null])), ...Object.fromEntries(changed) },
      annotations: { [metadataLabelsAnnotation]: names === '' ? null : names },
    },
  };
}

/** What a new Guest carries of its domain's metadata. */
export function labelledBy(labels: Record<string, string>): Pick<Guest['metadata'], 'labels' | 'annotations'> {
  const names = namesOf(labels);
  return { labels, ...(names !== '' && { annotations: { [metadataLabelsAnnotation]: names } }) };
}

function namesOf(labels: Record<string, string>): string {
  return Object.keys(labels).toSorted().join(',');
}
