import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Endpoint } from '../../../src/kube/endpoint.ts';

export interface ReceivedRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
}

/** How one request is answered; it may never answer, or break off in the middle. */
export type Answer = (response: ServerResponse, request: ReceivedRequest) => void;

/** A real HTTP server on a loopback port that does to its clients what a test wants to see them survive. */
export interface ScriptedApiServer {
  readonly endpoint: Endpoint;
  readonly requests: ReceivedRequest[];
  /** How many connections were opened in all, and how many are open. */
  readonly connections: { opened: number; open: number };
  /** Answers the next requests with these, one each, and every later one with the last. */
  answer(...answers: Answer[]): void;
  close(): Promise<void>;
}

export async function startScriptedApiServer(): Promise<ScriptedApiServer> {
  const requests: ReceivedRequest[] = [];
  const connections = { opened: 0, open: 0 };
  let answers: Answer[] = [json(404, { kind: 'Status', reason: 'NotFound' })];

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const { pathname: path, searchParams: query } = new URL(url, 'http://server');
    const request = { method, path, query, headers, body: await text(incoming) };
    requests.push(request);
    const next = answers.length > 1 ? answers.shift() : answers[0];
    next?.(response, request);
  }

  const server = createServer((incoming, response) => void handle(incoming, response).catch(() => {}));
  server.on('connection', (socket) => {
    connections.opened++;
    connections.open++;
    socket.once('close', () => connections.open--);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: {
      server: `http://127.0.0.1:${port}`,
      tls: {},
      namespace: 'default',
      authorize: async () => ({ authorization: 'Bearer t' }),
    },
    requests,
    connections,
    answer: (...next) => {
      answers = next;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function json(code: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) =>
    void response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** The lines of a watch; the connection stays open, or is cut, or ends in order. */
export function watchLines(events: object[], then: 'stay' | 'cut' | 'end' = 'stay'): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
    if (then === 'end') response.end(lines);
    else response.write(lines, () => then === 'cut' && response.destroy());
  };
}

/** Takes the request and never says a word. */
export const silence: Answer = () => {};
