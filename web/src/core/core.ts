// SPDX-License-Identifier: AGPL-3.0-or-later

import type { AttachmentRef, Calls, ErrorCode, Events } from './api.gen';

/** What a page knows of the core: it runs elsewhere and is asked by messages. */
export interface Core {
  /** Asks for something; rejects with a CoreError. The bytes of files are read by the core. */
  call<K extends keyof Calls>(name: K, params: Calls[K][0], files?: Blob[]): Promise<Calls[K][1]>;
  /** Downloads an attachment, or takes it from what is kept sealed on the device. */
  attachment(ref: AttachmentRef, signal?: AbortSignal): Promise<Blob>;
  /** Calls fn for each event of a kind until the returned function is called. */
  on<K extends keyof Events>(name: K, fn: (event: Events[K]) => void): () => void;
  /** Whether what was asked for is done even if the page goes. */
  readonly outlives: boolean;
  /**
   * Ends the connection, as the page goes or is kept to go back to. What was
   * asked for before is done, as far as the browser lets it.
   */
  leave(kept: boolean): void;
}

/** Why something failed: a code of the core's, or of its worker that the browser does not open the profile's data. */
export interface Failure {
  code: ErrorCode | 'stuck';
  text: string;
}

/** Why a call failed. The message is English; the interface words common codes itself. */
export class CoreError extends Error {
  constructor(
    readonly code: Failure['code'],
    message: string,
  ) {
    super(message);
  }
}
