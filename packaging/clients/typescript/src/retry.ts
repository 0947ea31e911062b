// SPDX-License-Identifier: Apache-2.0
import { retryAfter } from './problem.js';

/** Time and chance, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** From 0 up to, but not including, 1. */
  random(): number;
}

export interface RetryPolicy {
  /** Requests in all, the first one included. */
  attempts: number;
  /** Milliseconds after which no other attempt begins. A longer Retry-After is not waited for. */
  totalMs: number;
  /** The range of the first random wait in milliseconds; it doubles with each attempt. */
  baseMs: number;
}

export const clock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms, signal) => abortable(new Promise((resolve) => { setTimeout(resolve, ms); }), signal),
};

/** The promise, or the reason of the signal as soon as it is aborted. */
export async function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => { reject(signal.reason); };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Whether a second request does no more than the first (RFC 9110, section 9.2.2; the key makes it so for the others). */
export const repeatable = (method: string, headers: Headers): boolean => IDEMPOTENT.has(method) || headers.has('Idempotency-Key');

/**
 * Asks until there is an answer other than 429 and 503, or until the policy ends it: then the last answer is returned or the last failure thrown.
 * A wait is what Retry-After says and a random time on top, so that clients that were refused together do not return together.
 */
export async function retried(ask: () => Promise<Response>, may: boolean, policy: RetryPolicy, time: Clock, signal?: AbortSignal): Promise<Response> {
  const begun = time.now();
  for (let attempt = 1; ; attempt += 1) {
    const response = await ask().catch((error: unknown) => {
      if (signal?.aborted || !(error instanceof TypeError)) throw error; // fetch tells a lost connection by a TypeError
      return error;
    });
    if (response instanceof Response && response.status !== 429 && response.status !== 503) return response;
    const told = response instanceof Response ? retryAfter(response, time.now()) ?? 0 : 0;
    const wait = told * 1000 + time.random() * policy.baseMs * 2 ** (attempt - 1);
    if (!may || attempt >= policy.attempts || time.now() - begun + wait > policy.totalMs) {
      if (response instanceof Response) return response;
      throw response;
    }
    if (response instanceof Response) await response.body?.cancel();
    await time.sleep(wait, signal);
  }
}
