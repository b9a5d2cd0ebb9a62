import type { GuestTask } from '../api/resources.ts';
import { encodePayload } from '../sealing/encode-payload.ts';
import type { SealedPayload } from '../sealing/payload.ts';
import { seal } from '../sealing/seal.ts';
import type { SealingKey } from '../sealing/sealing-key.ts';

/** The task with what it takes from Secrets sealed to its node's key. Throws PayloadTooLargeError. */
export async function sealTask(task: GuestTask, payload: SealedPayload, key: SealingKey): Promise<GuestTask> {
  const { guestUID, action } = task.spec;
  if (guestUID === undefined) throw new TypeError('a task is bound to its guest before anything is sealed for it');
  const context = {
    namespace: task.metadata.namespace ?? '',
    taskName: task.metadata.name,
    guestUID,
    action: Object.keys(action)[0] ?? '',
  };
  return { ...task, spec: { ...task.spec, sealed: await seal(key, encodePayload(payload), context) } };
}
