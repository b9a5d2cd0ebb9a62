import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { Kubectl } from '../kubectl.ts';
import type { Credentials } from './credentials.ts';

/** Whether the API server calls itself ready and has made the namespace that every cluster starts with. */
export async function answersReady(url: string, credentials: Credentials): Promise<boolean> {
  return (
    (await answers200(`${url}/readyz`, credentials)) && answers200(`${url}/api/v1/namespaces/default`, credentials)
  );
}

/** The same, asked by kubectl: for one in a network of its own. */
export async function saysReady({ kubectl }: Kubectl): Promise<boolean> {
  await kubectl('get', '--raw', '/readyz');
  await kubectl('get', 'namespace', 'default');
  return true;
}

async function answers200(url: string, { ca, admin }: Credentials): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const asked = request(url, {
    agent: false,
    ca: readFileSync(ca),
    cert: readFileSync(admin.certificate),
    key: readFileSync(admin.key),
    timeout: 2000,
  });
  asked.on('timeout', () => asked.destroy(new Error(`${url} does not answer`)));
  asked.on('error', reject);
  asked.on('response', (answer) => {
    answer.resume();
    resolve(answer.statusCode === 200);
  });
  asked.end();
  return promise;
}
