// SPDX-License-Identifier: Apache-2.0
import { ProblemError } from './problem.js';
import { abortable, retried, type Clock, type RetryPolicy } from './retry.js';

export interface Tokens {
  access: string;
  /** An API key has none. */
  refresh?: string | undefined;
}

/** Where the tokens are. The default is the memory of this page; a store that several tabs share has to return what the others have set. */
export interface TokenStore {
  get(): Tokens | null;
  set(tokens: Tokens | null): void;
}

export function memoryStore(tokens: Tokens | null = null): TokenStore {
  return { get: () => tokens, set: (next) => { tokens = next; } };
}

export interface SessionParts {
  store: TokenStore;
  /** Sends a refresh token to POST /auth/refresh. */
  send: (refresh: string) => Promise<Response>;
  onLogout: (reason: ProblemError | undefined) => void;
  policy: RetryPolicy;
  clock: Clock;
}

// The server gives the successor of a refresh token again for 10 seconds (ForgeRefreshReuseWindow). After that, a token that is sent again ends its
// session. So a refresh whose answer was lost is repeated soon or not at all.
const REPLAY_MS = 5000;

/** The tokens of one login, and their renewal. */
export class Session {
  readonly #parts: SessionParts;
  #flight: { of: string; done: Promise<boolean> } | undefined;
  /** Grows with each login and logout: a request is not repeated in the session of somebody else. */
  epoch = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  get tokens(): Tokens | null {
    return this.#parts.store.get();
  }

  begin(tokens: Tokens): void {
    this.epoch += 1;
    this.#parts.store.set(tokens);
  }

  end(reason?: ProblemError): void {
    this.epoch += 1;
    this.#parts.store.set(null);
    this.#parts.onLogout(reason);
  }

  /** Whether there is a newer access token than the one that was refused. Those that ask at the same time share one refresh. */
  async renewed(refused: string, reason: ProblemError, signal?: AbortSignal): Promise<boolean> {
    const { tokens } = this;
    if (!tokens) return false;
    if (tokens.access !== refused) return true;
    const { refresh } = tokens;
    if (refresh === undefined) {
      this.end(reason);
      return false;
    }
    if (this.#flight?.of !== refresh) {
      const flight = { of: refresh, done: this.#renew(refresh).finally(() => { if (this.#flight === flight) this.#flight = undefined; }) };
      this.#flight = flight;
    }
    return abortable(this.#flight.done, signal);
  }

  async #renew(refresh: string): Promise<boolean> {
    const { send, policy, clock } = this.#parts;
    const response = await retried(() => send(refresh), true, { ...policy, totalMs: Math.min(policy.totalMs, REPLAY_MS) }, clock);
    const answer = response.ok ? (await response.json()) as { access_token: string; refresh_token: string } : await ProblemError.from(response, clock.now());
    if (this.tokens?.refresh !== refresh) return false; // logged out, or in as somebody else, meanwhile
    if (!(answer instanceof ProblemError)) {
      this.#parts.store.set({ access: answer.access_token, refresh: answer.refresh_token });
      return true;
    }
    if (answer.status !== 401) throw answer; // the session may be good: the server could not tell
    this.end(answer);
    return false;
  }
}
