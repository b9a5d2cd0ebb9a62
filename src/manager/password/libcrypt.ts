import { YescryptUnavailableError } from './errors.ts';

/** libxcrypt's two functions that are used here. Null is a failure, as in C. */
export interface Libcrypt {
  /** A fresh setting of yescrypt at the library's own cost, with a salt by the kernel. */
  yescryptSetting(): string | null;
  /** On a thread of its own: crypt(3) by what the setting, or an existing hash, says. */
  crypt(password: string, setting: string): Promise<string | null>;
}

/** As Debian names it, and as Fedora does. glibc's own library had the first name, too, before it became libxcrypt. */
const systemLibraries = ['libcrypt.so.1', 'libcrypt.so.2'];

/** sizeof(struct crypt_data), CRYPT_GENSALT_OUTPUT_SIZE */
const sizes = { data: 32768, setting: 192 } as const;

let loaded: Promise<Libcrypt> | undefined;

/** libxcrypt, loaded once a process and only by whoever asks for it. Throws YescryptUnavailableError. */
export async function loadLibcrypt(): Promise<Libcrypt> {
  loaded ??= bindLibcrypt(systemLibraries);
  return await loaded;
}

/** Binds the first of these libraries that knows yescrypt. Throws YescryptUnavailableError with what each one lacks. */
export async function bindLibcrypt(names: readonly string[]): Promise<Libcrypt> {
  const reasons: string[] = [];
  for (const name of names) {
    try {
      const library = await bind(name);
      if (library.yescryptSetting() !== null) return library;
      reasons.push(`${name} knows no yescrypt`);
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new YescryptUnavailableError(
    `yescrypt needs libxcrypt, which is libcrypt1 on Debian and libxcrypt on Fedora (${reasons.join('; ')}): ` +
      'install it beside the manager, or use sha512crypt, which needs nothing',
  );
}

async function bind(name: string): Promise<Libcrypt> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load(name);
  const gensalt = library.func(
    'const char *crypt_gensalt_rn(const char *prefix, unsigned long count, void *bytes, int size, _Out_ uint8_t *output, int outputSize)',
  ) as (...args: unknown[]) => string | null;
  const crypt = library.func(
    'const char *crypt_rn(const char *phrase, const char *setting, _Inout_ uint8_t *data, int size)',
  );
  return {
    yescryptSetting: () => gensalt('$y$', 0, null, 0, Buffer.alloc(sizes.setting), sizes.setting),
    crypt: (password, setting) =>
      new Promise((resolve, reject) => {
        const data = Buffer.alloc(sizes.data);
        crypt.async(password, setting, data, sizes.data, (error: Error | null, result: string | null) => {
          // Not before here may it be collected: the other thread writes into it. What is left in it is of the password.
          data.fill(0);
          if (error) reject(error);
          else resolve(result);
        });
      }),
  };
}
