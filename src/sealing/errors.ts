/** Sealed to a key that this node no longer has: the manager seals it anew, nothing having been sent. */
export class SealedToAnotherKeyError extends Error {
  override readonly name = 'SealedToAnotherKeyError';
  readonly code = 'SealedToAnotherKey';
}

/** Changed on its way, or copied from another task: it opens nowhere, and trying again is of no use. */
export class SealBrokenError extends Error {
  override readonly name = 'SealBrokenError';
  readonly code = 'SealBroken';
}

/** A host's published key can't be sealed to: it is damaged, or made for an algorithm this version doesn't know. */
export class SealingKeyUnusableError extends Error {
  override readonly name = 'SealingKeyUnusableError';
  readonly code = 'SealingKeyUnusable';
}

/** The file with this node's private key is not what was written there, or others may have read it. */
export class NodeKeyDamagedError extends Error {
  override readonly name = 'NodeKeyDamagedError';
  readonly code = 'NodeKeyDamaged';
}

/** More than one object of the API can carry. */
export class PayloadTooLargeError extends Error {
  override readonly name = 'PayloadTooLargeError';
  readonly code = 'PayloadTooLarge';
}

/** It opened, but this version doesn't know what it says. What it says is a secret, so the error doesn't tell. */
export class PayloadInvalidError extends Error {
  override readonly name = 'PayloadInvalidError';
  readonly code = 'PayloadInvalid';
}
