// SPDX-License-Identifier: Apache-2.0
import type { Schemas } from './types.js';

export type Problem = Schemas['Problem'];

/** Seconds until a server wants to be asked again; undefined if it does not say (RFC 9110, section 10.2.3). */
export function retryAfter(response: Response, now: number): number | undefined {
  const said = response.headers.get('Retry-After')?.trim();
  if (!said) return undefined;
  const seconds = /^\d+$/.test(said) ? Number(said) : (Date.parse(said) - now) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

/** An answer with an error: the problem document (RFC 9457), or what is known if something between here and the server answered instead. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  /** Stable code of the failure; undefined if the answer was no problem document. */
  readonly code: Problem['code'] | undefined;
  /** A sentence for people. */
  readonly detail: string;
  /** The members that were refused. */
  readonly errors: NonNullable<Problem['errors']>;
  /** What to quote in a report. */
  readonly requestId: string | undefined;
  /** Seconds until it may be tried again. */
  readonly retryAfter: number | undefined;

  constructor(readonly response: Response, problem: Partial<Problem>, wait?: number) {
    const detail = problem.detail ?? `the server answered with the status ${response.status}`;
    super([problem.code ? `${problem.code}: ${detail}` : detail, ...(problem.errors ?? []).map((one) => `${one.pointer}: ${one.detail}`)].join('; '));
    this.status = response.status;
    this.code = problem.code;
    this.detail = detail;
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id ?? response.headers.get('X-Request-ID') ?? undefined;
    this.retryAfter = wait;
  }

  static async from(response: Response, now: number): Promise<ProblemError> {
    const text = await response.text().catch(() => '');
    let problem: unknown;
    try {
      problem = JSON.parse(text);
    } catch {
      problem = null; // a page of a proxy, or nothing
    }
    return new ProblemError(response, problem !== null && typeof problem === 'object' ? problem : {}, retryAfter(response, now));
  }
}
