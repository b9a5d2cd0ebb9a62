import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../run.ts';

/** Files a control plane and its clients authenticate with, all made for one throw-away cluster. */
export interface Credentials {
  /** Certificate authority of both the API server and its clients. */
  ca: string;
  apiServer: KeyPair;
  /** A member of `system:masters`. */
  admin: KeyPair;
  controllerManager: KeyPair;
  /** Signs and verifies service account tokens. */
  serviceAccountKey: string;
}

export interface KeyPair {
  certificate: string;
  key: string;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];

/** Makes the credentials in `dir`, or takes those already there. */
export async function makeCredentials(dir: string): Promise<Credentials> {
  await mkdir(dir, { recursive: true });
  const ca = pair('ca');
  const credentials: Credentials = {
    ca: ca.certificate,
    apiServer: pair('apiserver'),
    admin: pair('admin'),
    controllerManager: pair('controller-manager'),
    serviceAccountKey: join(dir, 'service-account.key'),
  };
  if (existsSync(credentials.serviceAccountKey)) return credentials;

  await run('openssl', ['req', '-x509', ...newKey, '-subj', '/CN=qga-harness', ...into(ca)]);
  await Promise.all([
    issue('/CN=kube-apiserver', credentials.apiServer, [
      '-addext',
      'subjectAltName=IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes.default.svc',
    ]),
    issue('/O=system:masters/CN=admin', credentials.admin),
    issue('/CN=system:kube-controller-manager', credentials.controllerManager),
  ]);
  await run('openssl', ['ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', credentials.serviceAccountKey]);
  return credentials;

  function pair(name: string): KeyPair {
    return { certificate: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) };
  }
  async function issue(subject: string, files: KeyPair, extensions: string[] = []): Promise<void> {
    const signer = ['-CA', ca.certificate, '-CAkey', ca.key];
    await run('openssl', ['req', '-x509', ...signer, ...newKey, '-subj', subject, ...extensions, ...into(files)]);
  }
}

function into({ certificate, key }: KeyPair): string[] {
  return ['-out', certificate, '-keyout', key];
}

/** Writes a kubeconfig, everything inlined, for the given client. */
export async function writeKubeconfig(file: string, server: string, ca: string, client: KeyPair): Promise<void> {
  const context = { cluster: 'harness', user: 'harness' };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'harness',
    contexts: [{ name: 'harness', context }],
    clusters: [{ name: 'harness', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [
      {
        name: 'harness',
        user: { 'client-certificate-data': base64(client.certificate), 'client-key-data': base64(client.key) },
      },
    ],
  };
  await writeFile(file, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}

function base64(file: string): string {
  return readFileSync(file).toString('base64');
}
