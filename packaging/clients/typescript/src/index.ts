// SPDX-License-Identifier: Apache-2.0
export { Forge, type Call, type ForgeOptions } from './client.js';
export { readEvents, type ServerEvent, type StreamState } from './events.js';
export { ProblemError, type Problem } from './problem.js';
export type { Clock, RetryPolicy } from './retry.js';
export type { components, operations, paths } from './schema.js';
export { memoryStore, type Tokens, type TokenStore } from './session.js';
export type { Answer, Common, Data, Item, ListPath, Options, Page, PathOf, Schemas } from './types.js';
