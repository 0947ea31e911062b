// SPDX-License-Identifier: Apache-2.0
// From the generated document to the arguments and answers of a call. Nothing here exists at run time.
import type { components, paths } from './schema.js';

export type Schemas = components['schemas'];
export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';

/** The paths that have a method. */
export type PathOf<M extends Method> = { [P in keyof paths]: paths[P] extends { [_ in M]: { responses: unknown } } ? P : never }[keyof paths];

type Operation<M extends Method, P extends keyof paths> = paths[P][M & keyof paths[P]];
type Parameters<O, K extends string> = O extends { parameters: infer A } ? (K extends keyof A ? A[K] : never) : never;
type BodyOf<O> = O extends { requestBody?: infer B } ? B : never;
type Contents<B> = B extends { content: infer C } ? { [T in keyof C]: T extends 'multipart/form-data' ? FormData
  : T extends 'application/x-www-form-urlencoded' ? URLSearchParams : T extends `${string}json` ? C[T] : string }[keyof C] : never;

// A member that is needed where the document says so, may be left out, or does not exist.
type Member<K extends string, Declared, Value = NonNullable<Declared>> = [NonNullable<Declared>] extends [never] ? { [_ in K]?: never }
  : undefined extends Declared ? { [_ in K]?: Value | undefined } : { [_ in K]: Value };

/** What any call may say. */
export interface Common {
  /** Headers beside those of the client, such as If-Match or Accept. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Makes a POST safe to repeat: the server gives the stored answer again. true makes a new key. */
  idempotencyKey?: string | true | undefined;
  signal?: AbortSignal | undefined;
}

export type Options<M extends Method, P extends keyof paths, O = Operation<M, P>> = Common & Member<'path', Parameters<O, 'path'>>
  & Member<'query', Parameters<O, 'query'>> & Member<'body', BodyOf<O>, Contents<NonNullable<BodyOf<O>>>>;

/** The options may be left out where nothing in them is needed. */
export type Arguments<M extends Method, P extends keyof paths> = Common extends Options<M, P> ? [options?: Options<M, P>] : [options: Options<M, P>];

type Read<R> = R extends { content: infer C } ? (C extends { 'application/json': infer J } ? J
  : { [T in keyof C]: T extends `text/${string}` ? string : Blob }[keyof C]) : undefined;

/** What an operation answers when all is well. */
export type Data<M extends Method, P extends keyof paths> = Operation<M, P> extends { responses: infer R }
  ? { [S in keyof R]: S extends 200 | 201 | 202 | 204 ? Read<R[S]> : never }[keyof R] : never;

export interface Answer<T> {
  data: T;
  /** For status and headers; its body is read already. */
  response: Response;
}

/** The paths whose GET answers a list. */
export type ListPath = { [P in PathOf<'get'>]: Data<'get', P> extends readonly unknown[] ? P : never }[PathOf<'get'>];
export type Item<P extends ListPath> = Data<'get', P> extends readonly (infer T)[] ? T : never;

/** One page of a list. */
export interface Page<T> {
  items: T[];
  /** All rows of the list, if they were asked for with `count: true`. */
  total: number | undefined;
}
