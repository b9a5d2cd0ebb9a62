import type { WatchEvent } from './cluster.ts';
import { ApiError, errorOfStatus, type Status } from './errors.ts';
import type { KubeObject } from './objects.ts';

interface Frame<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: T & Status & { code?: number };
}

/**
 * The events of a watch's body: one JSON object a line, cut anywhere into chunks. An ERROR event is thrown as the
 * ApiError it reports, a line that is no event as one with reason `MalformedEvent`.
 */
export async function* parseWatch<T extends KubeObject>(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<WatchEvent<T>> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield eventOf<T>(line);
  }
}

function eventOf<T extends KubeObject>(line: string): WatchEvent<T> {
  const { type, object } = frameOf<T>(line);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object };
    case 'BOOKMARK':
      return { type, resourceVersion: object.metadata.resourceVersion ?? '' };
    case 'ERROR':
      throw errorOfStatus(object.code ?? 500, object);
    default:
      throw new ApiError(0, 'MalformedEvent', `the watch sent an event of type ${String(type)}`);
  }
}

function frameOf<T>(line: string): Frame<T> {
  try {
    const frame = JSON.parse(line) as Frame<T> | null;
    if (frame?.object) return frame;
  } catch (error) {
    throw new ApiError(0, 'MalformedEvent', 'the watch sent a line that is not JSON', undefined, { cause: error });
  }
  throw new ApiError(0, 'MalformedEvent', 'the watch sent a line that is no event');
}
