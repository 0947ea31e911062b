// SPDX-License-Identifier: Apache-2.0
import { readEvents, type ServerEvent, type StreamState } from './events.js';
import { ProblemError } from './problem.js';
import { clock as realClock, repeatable, retried, type Clock, type RetryPolicy } from './retry.js';
import { Session, memoryStore, type TokenStore } from './session.js';
import type { Answer, Arguments, Common, Data, Item, ListPath, Method, Options, Page, PathOf, Schemas } from './types.js';

export interface ForgeOptions {
  /** Where the server is, such as https://learn.example.org; in a browser "" is the page's own. */
  baseUrl: string;
  /** "token" (the default) sends Authorization. "cookie" relies on ForgeCookie: the page is on the server's own origin, and no script sees the session. */
  mode?: 'token' | 'cookie';
  store?: TokenStore;
  /** The session has ended: by logout(), or because the server said so. */
  onLogout?: (reason: ProblemError | undefined) => void;
  retry?: Partial<RetryPolicy>;
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  clock?: Clock;
  /** The value of the cookie __Host-forge_csrf. */
  csrf?: () => string | undefined;
}

/** A call without the document's types, as raw() takes it. */
export interface Call extends Common {
  path?: Readonly<Record<string, unknown>> | undefined;
  query?: Readonly<Record<string, unknown>> | undefined;
  body?: unknown;
}

const API = '/api/v1';
const DEFAULTS: RetryPolicy = { attempts: 4, totalMs: 30_000, baseMs: 500 };

const cookieOfPage = (): string | undefined => /(?:^|; )__Host-forge_csrf=([^;]+)/.exec(globalThis.document?.cookie ?? '')?.[1];
const newKey = (): string => crypto.getRandomValues(new Uint32Array(4)).join('-'); // randomUUID() is not there on pages without TLS
const isSent = (value: unknown): boolean => value !== undefined && value !== null;

function address(base: string, path: string, { path: parts = {}, query = {} }: Call): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(parts[name])));
  const asked = Object.entries(query).filter(([, value]) => isSent(value)).map(([name, value]): [string, string] => [name, String(value)]);
  return `${base}${filled}${asked.length > 0 ? `?${new URLSearchParams(asked)}` : ''}`;
}

const isRawBody = (body: unknown): body is BodyInit => typeof body === 'string' || body instanceof FormData || body instanceof URLSearchParams
  || body instanceof Blob || body instanceof ArrayBuffer || ArrayBuffer.isView(body);

async function read(response: Response): Promise<unknown> {
  const type = response.headers.get('Content-Type') ?? '';
  if (response.status === 204 || response.status === 304) return undefined;
  if (/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) return response.json();
  return /^text\//i.test(type) ? response.text() : response.blob();
}

/** The parameters of the next page (RFC 8288). Its address is that of this page: only the query is taken over, never a host. */
function next(link: string | null): Record<string, string> | undefined {
  const [, target] = [...(link ?? '').matchAll(/<([^>]*)>([^<]*)/g)].find(([, , rest]) => /;\s*rel="?next\b/.test(rest ?? '')) ?? [];
  return target === undefined ? undefined : Object.fromEntries(new URLSearchParams(target.slice(target.indexOf('?') + 1)));
}

/** A client of one server, for one account at a time. */
export class Forge {
  readonly #base: string;
  readonly #mode: 'token' | 'cookie';
  readonly #fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly #policy: RetryPolicy;
  readonly #clock: Clock;
  readonly #csrf: () => string | undefined;
  readonly #onLogout: (reason: ProblemError | undefined) => void;
  readonly #session: Session;

  constructor(options: ForgeOptions) {
    this.#base = options.baseUrl.replace(/\/+$/, '');
    this.#mode = options.mode ?? 'token';
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#policy = { ...DEFAULTS, ...options.retry };
    this.#clock = options.clock ?? realClock;
    this.#csrf = options.csrf ?? cookieOfPage;
    this.#onLogout = options.onLogout ?? (() => undefined);
    this.#session = new Session({ store: options.store ?? memoryStore(), policy: this.#policy, clock: this.#clock, onLogout: this.#onLogout,
      send: (token) => this.#send('POST', `${this.#base}${API}/auth/refresh`, new Headers({ 'Content-Type': 'application/json' }),
        JSON.stringify({ refresh_token: token }), undefined, undefined) });
  }

  /** Whether there are tokens. In cookie mode: whether the page has the cookie that comes with a session. */
  get loggedIn(): boolean {
    return this.#mode === 'cookie' ? this.#csrf() !== undefined : this.#session.tokens !== null;
  }

  get<P extends PathOf<'get'>>(path: P, ...[options]: Arguments<'get', P>): Promise<Answer<Data<'get', P>>> { return this.#call('get', path, options); }
  put<P extends PathOf<'put'>>(path: P, ...[options]: Arguments<'put', P>): Promise<Answer<Data<'put', P>>> { return this.#call('put', path, options); }
  post<P extends PathOf<'post'>>(path: P, ...[options]: Arguments<'post', P>): Promise<Answer<Data<'post', P>>> { return this.#call('post', path, options); }
  patch<P extends PathOf<'patch'>>(path: P, ...[options]: Arguments<'patch', P>): Promise<Answer<Data<'patch', P>>> { return this.#call('patch', path, options); }
  delete<P extends PathOf<'delete'>>(path: P, ...[options]: Arguments<'delete', P>): Promise<Answer<Data<'delete', P>>> { return this.#call('delete', path, options); }

  /** Logs in. If the answer has mfa_required, the tokens come from POST /auth/mfa/verify; any call whose answer holds tokens begins the session. */
  async login(credentials: Options<'post', '/api/v1/auth/login'>['body'], signal?: AbortSignal): Promise<Schemas['Login']> {
    return (await this.post('/api/v1/auth/login', { body: credentials, signal })).data;
  }

  /** Ends the session, here in any case. */
  async logout(): Promise<void> {
    try {
      await this.post('/api/v1/auth/logout');
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status !== 401) throw error; // it had ended already
    } finally {
      this.#session.end();
    }
  }

  /** The pages of a list, each asked for when the one before has been used up. */
  async *pages<P extends ListPath>(path: P, options?: Options<'get', P>): AsyncGenerator<Page<Item<P>>, void, undefined> {
    let call: Call | undefined = options;
    while (true) {
      const { data, response } = await this.#call<Item<P>[]>('get', path, call);
      const total = response.headers.get('X-Total-Count');
      yield { items: data, total: total === null ? undefined : Number(total) };
      const query = next(response.headers.get('Link'));
      if (!query) return;
      call = { ...options, query };
    }
  }

  /** The rows of a list, over all pages. */
  async *items<P extends ListPath>(path: P, options?: Options<'get', P>): AsyncGenerator<Item<P>, void, undefined> {
    for await (const page of this.pages(path, options)) yield* page.items;
  }

  /**
   * A stream of events. A connection that breaks or ends is opened again where it was left, as EventSource does, until the server answers 204; leave the
   * loop, or abort the signal, to close it.
   */
  async *events<P extends PathOf<'get'>>(path: P, ...[options]: Arguments<'get', P>): AsyncGenerator<ServerEvent, void, undefined> {
    const state: StreamState = { lastEventId: '', retryMs: 3000 };
    const call: Call = options ?? {};
    while (true) {
      const headers = { ...call.headers, Accept: 'text/event-stream', ...(state.lastEventId && { 'Last-Event-ID': state.lastEventId }) };
      const response = await this.raw('GET', path, { ...call, headers });
      if (response.status === 204) return;
      const stream = readEvents(response, state);
      try {
        while (true) {
          const step = await stream.next().catch((error: unknown) => {
            if (call.signal?.aborted) throw error;
            return undefined; // the connection broke
          });
          if (!step || step.done) break;
          yield step.value;
        }
      } finally {
        await stream.return();
      }
      await this.#clock.sleep(state.retryMs, call.signal);
    }
  }

  /** A call with session, retries and problem errors, whose answer is left to you: a download, a stream, another media type. */
  async raw(method: string, path: string, call: Call = {}): Promise<Response> {
    const verb = method.toUpperCase();
    const headers = new Headers({ Accept: 'application/json, */*;q=0.1', ...call.headers });
    if (call.idempotencyKey !== undefined) headers.set('Idempotency-Key', call.idempotencyKey === true ? newKey() : call.idempotencyKey);
    if (isSent(call.body) && !isRawBody(call.body) && !headers.has('Content-Type')) headers.set('Content-Type', 'application/json');
    const body = !isSent(call.body) ? undefined : isRawBody(call.body) ? call.body : JSON.stringify(call.body);
    const url = address(this.#base, path, call);
    const ask = (token: string | undefined): Promise<Response> =>
      retried(() => this.#send(verb, url, headers, body, token, call.signal), repeatable(verb, headers), this.#policy, this.#clock, call.signal);

    const { epoch } = this.#session;
    const token = this.#token();
    let response = await ask(token);
    if (response.status === 401) {
      const problem = await ProblemError.from(response, this.#clock.now());
      if (!(await this.#mayAgain(problem, token, epoch, call.signal))) throw problem;
      response = await ask(this.#token());
    }
    if (!response.ok && response.status !== 304) throw await ProblemError.from(response, this.#clock.now());
    return response;
  }

  #token(): string | undefined {
    return this.#mode === 'token' ? this.#session.tokens?.access : undefined;
  }

  /** Whether a call that got 401 has a chance now. The server renews a cookie by itself: where it refuses one, the session has ended. */
  async #mayAgain(problem: ProblemError, token: string | undefined, epoch: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#mode === 'cookie') {
      if (problem.code === 'invalid_token' || problem.code === 'unauthenticated') this.#onLogout(problem);
      return false;
    }
    if (token === undefined || problem.code !== 'invalid_token' || this.#session.epoch !== epoch) return false;
    return this.#session.renewed(token, problem, signal);
  }

  /** One request. Tokens go without cookies: a session cookie of the same site would be a second credential. */
  #send(method: string, url: string, given: Headers, body: BodyInit | undefined, token: string | undefined, signal: AbortSignal | undefined): Promise<Response> {
    const headers = new Headers(given);
    const csrf = this.#mode === 'cookie' && method !== 'GET' && method !== 'HEAD' ? this.#csrf() : undefined;
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`);
    if (csrf !== undefined) headers.set('X-CSRF-Token', csrf);
    return this.#fetch(url, { method, headers, credentials: this.#mode === 'cookie' ? 'same-origin' : 'omit', body: body ?? null, signal: signal ?? null });
  }

  async #call<T>(method: Method, path: string, options: Call | undefined): Promise<Answer<T>> {
    const response = await this.raw(method, path, options);
    const data = await read(response);
    const { access_token: access, refresh_token: refresh } = (data ?? {}) as { access_token?: unknown; refresh_token?: unknown };
    if (method === 'post' && this.#mode === 'token' && typeof access === 'string')
      this.#session.begin({ access, refresh: typeof refresh === 'string' ? refresh : undefined });
    return { data: data as T, response };
  }
}
