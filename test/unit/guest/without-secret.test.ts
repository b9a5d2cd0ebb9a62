import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { withoutSecret } from '../../../src/guest/without-secret.ts';
import { AgentError } from '../../../src/qga/errors.ts';

const secret = 'canary-Kq7/Zt+9xW';

function cleaned(message: string, text = secret): AgentError {
  return withoutSecret(new AgentError('Refused', 'Refused', false, message, { cause: new Error(message) }), text);
}

it.each([
  ['quoted whole', `chpasswd: line 1: app:${secret}: too short`],
  ['in base64', `bad request ${Buffer.from(secret).toString('base64')}`],
  ['cut short', `chpasswd: app:${secret.slice(0, 9)}`],
  ['without its head', `…${secret.slice(4)} is no password`],
  ['twice', `${secret}${secret}`],
])('takes out a secret that is %s', (_, message) => {
  const shown = inspect(cleaned(message));

  expect(shown).toContain('[removed]');
  expect(shown).not.toMatch(/canary|Kq7|Zt\+9/);
  expect(shown).not.toContain(Buffer.from(secret).toString('base64').slice(0, 8));
});

it('takes out whatever looks like a hash, and leaves the rest', () => {
  const { message } = cleaned("child exited: chpasswd: user 'app': $6$abcdef$ghi/jkl. is no hash");

  expect(message).toBe("child exited: chpasswd: user 'app': [removed] is no hash");
});

it('never leaves five characters of a secret in a row', () => {
  const text = fc.string({ minLength: 8, maxLength: 40, unit: 'grapheme-ascii' });

  fc.assert(
    fc.property(text, fc.array(fc.nat(40), { maxLength: 4 }), fc.string(), (password, cuts, noise) => {
      const message = cuts.map((cut) => `${password.slice(cut)}${noise}${password.slice(0, cut)}`).join(' ');

      const { message: clean } = cleaned(message, password);

      const pieces = Array.from({ length: password.length - 4 }, (_, at) => password.slice(at, at + 5));
      const left = clean.split('[removed]').flatMap((part) => pieces.filter((piece) => part.includes(piece)));
      expect(left).toEqual([]);
    }),
  );
});
