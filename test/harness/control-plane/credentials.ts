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

/** Makes the credentials in `dir`, or takes those already there. The API server will be reached at `address`. */
export async function makeCredentials(dir: string, address: string): Promise<Credentials> {
  await mkdir(dir, { recursive: true });
  const pair = (name: string) => keyPair(dir, name);
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
    issueCertificate(dir, 'apiserver', '/CN=kube-apiserver', [
      '-addext',
      `subjectAltName=IP:${address},IP:10.0.0.1,DNS:localhost,DNS:kubernetes.default.svc`,
    ]),
    issueCertificate(dir, 'admin', '/O=system:masters/CN=admin'),
    issueCertificate(dir, 'controller-manager', '/CN=system:kube-controller-manager'),
  ]);
  await run('openssl', ['ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', credentials.serviceAccountKey]);
  return credentials;
}

/** Makes a certificate that the authority in `dir` signed, beside it. */
export async function issueCertificate(
  dir: string,
  name: string,
  subject: string,
  extensions: string[] = [],
): Promise<KeyPair> {
  const ca = keyPair(dir, 'ca');
  const files = keyPair(dir, name);
  const signer = ['-CA', ca.certificate, '-CAkey', ca.key];
  await run('openssl', ['req', '-x509', ...signer, ...newKey, '-subj', subject, ...extensions, ...into(files)]);
  return files;
}

function keyPair(dir: string, name: string): KeyPair {
  return { certificate: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) };
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
