import type { Exec } from '../api/schema/exec.ts';
import type { GuestTaskSpec } from '../api/schema/guest-task.ts';
import type { KeyReference } from '../api/schema/key-reference.ts';
import type { CallOptions, Cluster } from '../kube/cluster.ts';
import { type ConfigMap, configMaps, type Secret, secrets } from '../kube/core-resources.ts';
import { isNotFound } from '../kube/errors.ts';
import { encodePayload } from '../sealing/encode-payload.ts';
import { PayloadTooLargeError } from '../sealing/errors.ts';
import type { SealedPayload } from '../sealing/payload.ts';

/** Why what an action takes from ConfigMaps and Secrets can't be had now. */
export interface InputProblem {
  reason: 'InputNotFound' | 'InputInvalid';
  message: string;
}

type Action = GuestTaskSpec['action'];

export interface TaskInputsOptions {
  cluster: Cluster;
  /** The operator's own namespace. Its Secrets, hosts' ssh keys among them, are for nobody's command. */
  operatorNamespace: string;
}

/** What tasks take from ConfigMaps and Secrets. */
export class TaskInputs {
  readonly #options: TaskInputsOptions;

  constructor(options: TaskInputsOptions) {
    this.#options = options;
  }

  /** Reads what an action takes from its namespace. Rejects with an ApiError. */
  async read(namespace: string, action: Action, options: CallOptions): Promise<SealedPayload | InputProblem> {
    const { cluster, operatorNamespace } = this.#options;
    const reader = new KeyReader({ cluster, namespace, hasSecrets: namespace !== operatorNamespace, options });
    try {
      const payload = await inputsOf(action, reader);
      encodePayload(payload);
      return payload;
    } catch (error) {
      if (error instanceof UnusableInput) return { reason: error.reason, message: error.message };
      if (error instanceof PayloadTooLargeError) return { reason: 'InputInvalid', message: error.message };
      throw error;
    }
  }
}

export function isInputProblem(inputs: SealedPayload | InputProblem): inputs is InputProblem {
  return 'reason' in inputs;
}

async function inputsOf({ exec, command, writeFile }: Action, reader: KeyReader): Promise<SealedPayload> {
  if (command?.argumentsFrom) {
    return { kind: 'arguments', arguments: (await reader.text(required(command.argumentsFrom))) ?? '' };
  }
  if (writeFile?.contentFrom) {
    const content = await reader.bytes(required(writeFile.contentFrom));
    return { kind: 'file', content: content?.toString('base64') ?? '' };
  }
  return exec ? await execInputs(exec, reader) : { kind: 'exec' };
}

/** Without it there would be nothing to do: it is waited for, whatever its reference says. */
function required({ configMapKeyRef, secretKeyRef }: KeyReference): KeyReference {
  return {
    ...(configMapKeyRef && { configMapKeyRef: { ...configMapKeyRef, optional: false } }),
    ...(secretKeyRef && { secretKeyRef: { ...secretKeyRef, optional: false } }),
  };
}

async function execInputs(
  { env = [], stdinFrom, script }: Exec,
  reader: KeyReader,
): Promise<Extract<SealedPayload, { kind: 'exec' }>> {
  const values: Record<string, string> = {};
  for (const { name, valueFrom } of env) {
    const value = valueFrom && (await reader.text(valueFrom));
    if (value !== undefined) values[name] = value;
  }
  const stdin = stdinFrom && (await reader.bytes(stdinFrom));
  const source = script?.sourceFrom && (await reader.text(script.sourceFrom));
  return {
    kind: 'exec',
    ...(Object.keys(values).length > 0 && { env: values }),
    ...(stdin && { stdin: stdin.toString('base64') }),
    ...(source !== undefined && { script: source }),
  };
}

class UnusableInput extends Error {
  readonly reason: InputProblem['reason'];

  constructor(reason: InputProblem['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

interface KeyReaderOptions {
  cluster: Cluster;
  namespace: string;
  /** Whether the namespace's Secrets may be given to guests. */
  hasSecrets: boolean;
  options: CallOptions;
}

/** Reads keys of ConfigMaps and Secrets, each object once. */
class KeyReader {
  readonly #options: KeyReaderOptions;
  readonly #objects = new Map<string, Promise<ConfigMap | Secret | undefined>>();

  constructor(options: KeyReaderOptions) {
    this.#options = options;
  }

  /** A value that a C string can hold. */
  async text(reference: KeyReference): Promise<string | undefined> {
    const bytes = await this.bytes(reference);
    if (!bytes) return undefined;
    const text = bytes.toString('utf8');
    if (text.includes('\0') || !Buffer.from(text, 'utf8').equals(bytes)) {
      throw new UnusableInput('InputInvalid', `${describe(reference)} is no text: it has a NUL, or is not UTF-8`);
    }
    return text;
  }

  /** Undefined where it is missing and may be. */
  async bytes(reference: KeyReference): Promise<Buffer | undefined> {
    const { namespace, hasSecrets } = this.#options;
    const { name, key, optional } = selectorOf(reference);
    if (reference.secretKeyRef && !hasSecrets) throw new UnusableInput('InputInvalid', ownSecret(namespace, name));
    const object = await this.#object(reference);
    const bytes = object && (reference.secretKeyRef ? decoded(object.data, key) : bytesOfConfigMap(object, key));
    if (bytes || optional) return bytes;
    const missing = object ? `has no key ${key}` : 'does not exist';
    const kind = reference.secretKeyRef ? 'Secret' : 'ConfigMap';
    throw new UnusableInput('InputNotFound', `${kind} ${namespace}/${name} ${missing}`);
  }

  #object(reference: KeyReference): Promise<ConfigMap | Secret | undefined> {
    const { name } = selectorOf(reference);
    const id = `${reference.secretKeyRef ? 'secret' : 'configmap'}/${name}`;
    const known = this.#objects.get(id);
    if (known) return known;
    const { cluster, namespace, options } = this.#options;
    const ref = { namespace, name };
    const read = reference.secretKeyRef ? cluster.get(secrets, ref, options) : cluster.get(configMaps, ref, options);
    const found = read.catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    this.#objects.set(id, found);
    return found;
  }
}

function selectorOf({ secretKeyRef, configMapKeyRef }: KeyReference) {
  const selector = secretKeyRef ?? configMapKeyRef;
  if (!selector) throw new TypeError('a reference names a ConfigMap or a Secret');
  return selector;
}

function describe(reference: KeyReference): string {
  const { name, key } = selectorOf(reference);
  return `key ${key} of ${reference.secretKeyRef ? 'Secret' : 'ConfigMap'} ${name}`;
}

function ownSecret(namespace: string, name: string): string {
  return `Secret ${namespace}/${name} is in the operator's own namespace, whose Secrets no guest is given: put the guest and the Secret into another, by namespace in the domain's metadata or by the agent's default namespace`;
}

function bytesOfConfigMap({ data, binaryData }: ConfigMap, key: string): Buffer | undefined {
  const text = valueOf(data, key);
  return text === undefined ? decoded(binaryData, key) : Buffer.from(text, 'utf8');
}

function decoded(data: Record<string, string> | undefined, key: string): Buffer | undefined {
  const value = valueOf(data, key);
  return value === undefined ? undefined : Buffer.from(value, 'base64');
}

function valueOf(data: Record<string, string> | undefined, key: string): string | undefined {
  return data && Object.hasOwn(data, key) ? data[key] : undefined;
}
