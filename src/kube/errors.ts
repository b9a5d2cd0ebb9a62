/** Kubernetes' metav1.Status, as far as it is used. */
export interface Status {
  kind?: string;
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number; causes?: { field?: string }[] };
}

/** What happened to a request that failed without an answer of the server, or with one that can't be understood. */
export type TransportReason = 'Unreachable' | 'Timeout' | 'ConnectionLost' | 'MalformedEvent' | 'MalformedAnswer';

/**
 * A request to the API server that failed. Match on `code` and `reason`, never on the message.
 *
 * `reason` is Kubernetes' StatusReason, or a TransportReason with code 0, or `HTTP404` and the like where the answer was no
 * Status: that is no word of the API server's about an object, it may be a proxy's whose backend is away.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status; 0 without an answer. */
  readonly code: number;
  readonly reason: string;
  /** The server asked to be left alone for so long. */
  readonly retryAfterSeconds: number | undefined;
  /** Of an Invalid object the fields that are to blame, as the server names them: `metadata.labels`. */
  readonly fields: readonly string[];

  constructor(
    code: number,
    reason: string,
    message: string,
    retryAfterSeconds?: number,
    { fields = [], ...options }: ErrorOptions & { fields?: readonly string[] } = {},
  ) {
    super(message, options);
    this.code = code;
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
    this.fields = fields;
  }

  /** The request may have been carried out: it was sent, and no answer came back. */
  get outcomeUnknown(): boolean {
    return this.code === 0 && this.reason !== 'Unreachable';
  }
}

const reasonOfCode: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** The error behind an HTTP answer; `body` is a Status where the API server itself wrote it. */
export function apiErrorOf(code: number, body: string, retryAfter?: string): ApiError {
  const status = statusOf(body);
  if (status) return errorOfStatus(code, status, retryAfter);
  const message = `the answer was ${code} without a Status: is that the API server, or a proxy before it?`;
  return new ApiError(code, withoutStatus(code), message, Number(retryAfter) || undefined);
}

function statusOf(body: string): Status | undefined {
  try {
    const status = JSON.parse(body) as Status | null;
    return status?.kind === 'Status' ? status : undefined;
  } catch {
    return undefined;
  }
}

const withoutStatus = (code: number) => `HTTP${code}`;

/** The error that a Status reports, be it an answer or an event of a watch. */
export function errorOfStatus(code: number, status: Status, retryAfter?: string): ApiError {
  const reason = status.reason || reasonOfCode[code] || 'Unknown';
  const seconds = status.details?.retryAfterSeconds ?? (retryAfter ? Number(retryAfter) : undefined);
  const fields = (status.details?.causes ?? []).map(({ field }) => field).filter((field) => field !== undefined);
  const message = status.message || `the API server answered ${code}`;
  return new ApiError(code, reason, message, seconds || undefined, { fields });
}

/** Codes that say something of an object, or of what is wanted of it, where they are the API server's. */
const verdicts = new Set([400, 404, 409, 410, 422]);

/** An answer that would be the API server's word if a Status had come with it: so it may be anybody's. */
export const isUnexplained = (error: unknown): boolean =>
  error instanceof ApiError && verdicts.has(error.code) && error.reason === withoutStatus(error.code);

function hasReason(error: unknown, ...reasons: string[]): boolean {
  return error instanceof ApiError && reasons.includes(error.reason);
}

export const isNotFound = (error: unknown): boolean => hasReason(error, 'NotFound');
/** The object is not what it was when it was read. */
export const isConflict = (error: unknown): boolean => hasReason(error, 'Conflict');
export const isAlreadyExists = (error: unknown): boolean => hasReason(error, 'AlreadyExists');
/** A rule of the kind, or of the object as it is by now, forbids it. */
export const isInvalid = (error: unknown): boolean => hasReason(error, 'Invalid');
/**
 * Whether the same request will be refused as often as it is made: for its size, or for what it says. etcd's own limits come
 * as an internal error, so there the words decide.
 */
export function isRefusedAsIs(error: unknown): 'size' | 'shape' | undefined {
  if (!(error instanceof ApiError)) return undefined;
  if (error.code === 413 || (error.code === 500 && /too large|larger than max/.test(error.message))) return 'size';
  return (error.code === 400 || error.code === 422) && !isUnexplained(error) ? 'shape' : undefined;
}
/** A resourceVersion or continue token is too old: list anew. */
export const isExpired = (error: unknown): boolean => hasReason(error, 'Expired', 'Gone');
/** Whether the same may go well later: the server was away, or asked for patience, or somebody else answered for it. */
export const isPassing = (error: unknown): boolean =>
  error instanceof ApiError && (error.code === 0 || error.code === 429 || error.code >= 500 || isUnexplained(error));
/** A watch said something that is no event: what it meant to say, only a list can tell. */
export const isMalformed = (error: unknown): boolean => hasReason(error, 'MalformedEvent');
