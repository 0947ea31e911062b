// SPDX-License-Identifier: Apache-2.0
// Server-Sent Events (WHATWG HTML, section 9.2) from a Response. EventSource cannot send an Authorization header; fetch can.

export interface ServerEvent {
  /** "message" if the server gave no name. */
  event: string;
  data: string;
  /** The last id that was seen. */
  id: string;
}

/** What outlives a connection: where to go on, and how many milliseconds later. */
export interface StreamState {
  lastEventId: string;
  retryMs: number;
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (let text = ''; ;) {
      const { done, value } = await reader.read();
      text += decoder.decode(value, { stream: !done });
      const parts = text.split(done ? /\r\n|\n|\r/ : /\r\n|\n|\r(?!$)/); // the LF after a last CR may be in the next piece
      text = parts.pop() ?? '';
      yield* parts;
      if (done) return; // a line without an end is not complete
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The events of an open stream, until it ends. An event that was cut off is left out. */
export async function* readEvents(response: Response, state: StreamState = { lastEventId: '', retryMs: 3000 }): AsyncGenerator<ServerEvent, void, undefined> {
  if (!response.body) return;
  let event = '';
  let data: string[] = [];
  for await (const line of lines(response.body)) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') data.push(value);
    else if (name === 'event') event = value;
    else if (name === 'id' && !value.includes('\0')) state.lastEventId = value;
    else if (name === 'retry' && /^\d+$/.test(value)) state.retryMs = Number(value);
    else if (line === '') {
      if (data.length > 0) yield { event: event || 'message', data: data.join('\n'), id: state.lastEventId };
      event = '';
      data = [];
    }
  }
}
