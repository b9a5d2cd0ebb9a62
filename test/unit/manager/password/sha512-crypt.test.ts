import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { loadLibcrypt } from '../../../../src/manager/password/libcrypt.ts';
import { sha512Crypt } from '../../../../src/manager/password/sha512-crypt.ts';

/** Around each length at which the specification's blocks end, non-ASCII text among them. */
const passwords = [1, 8, 24, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 511]
  .map((length) => 'correct horse battery staple '.repeat(20).slice(0, length))
  .concat(['zwölf Boxkämpfer', '密码🔑', ' ', '\'"\\$`']);

it.each([
  [
    'Hello world!',
    { salt: 'saltstring' },
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  ],
  [
    'Hello world!',
    { salt: 'saltstringsaltstring', rounds: 10_000 },
    '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
  ],
  [
    'This is just a test',
    { salt: 'toolongsaltstring', rounds: 5000 },
    '$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0',
  ],
  [
    'a very much longer text to encrypt.  This one even stretches over morethan one line.',
    { salt: 'anotherlongsaltstring', rounds: 1400 },
    '$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1',
  ],
  [
    'we have a short salt string but not a short password',
    { salt: 'short', rounds: 77_777 },
    '$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0',
  ],
  [
    'a short string',
    { salt: 'asaltof16chars..', rounds: 123_456 },
    '$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1',
  ],
  [
    'the minimum number is still observed',
    { salt: 'roundstoolow', rounds: 1000 },
    '$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.',
  ],
])('hashes as the specification lists: %s', async (password, options, hash) => {
  expect(await sha512Crypt(password, options)).toBe(hash);
});

it('hashes as the library does that logins use, at every length and in every script', async () => {
  const libcrypt = await loadLibcrypt();

  for (const password of passwords) {
    const expected = await libcrypt.crypt(password, '$6$rounds=1000$0123456789./azAZ$');
    expect(await sha512Crypt(password, { salt: '0123456789./azAZ', rounds: 1000 })).toBe(expected);
  }
});

it('hashes as openssl does', async () => {
  for (const length of [24, 64, 128]) {
    const password = 'x'.repeat(length);
    const expected = execFileSync('openssl', ['passwd', '-6', '-salt', 'saltsalt', '-stdin'], { input: password });

    expect(await sha512Crypt(password, { salt: 'saltsalt' })).toBe(expected.toString().trim());
  }
});

it('lets others have their turn while it computes', async () => {
  let turns = 0;
  let over = false;
  const count = () => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);

  await sha512Crypt('password', { salt: 'salt' });
  over = true;

  expect(turns).toBeGreaterThanOrEqual(4);
});
