/** What a sealed secret belongs to: it opens for the same four only. */
export interface SealContext {
  namespace: string;
  taskName: string;
  /** The domain's UUID. */
  guestUID: string;
  /** The task's kind of action, as it is called in its spec: exec, setPassword, … */
  action: string;
}

/** A context as HPKE's additional authenticated data: a JSON array, so that no two contexts have the same bytes. */
export function additionalData({ namespace, taskName, guestUID, action }: SealContext): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify([namespace, taskName, guestUID, action]));
}
