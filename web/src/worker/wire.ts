// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Problem } from '../core/api.gen';
import type { Failure } from '../core/core';

/** What a page sends to the worker. The first message is Start. */
export type Request = Start | CallRequest | AbortRequest | Here | Leave;

export interface Start {
  kind: 'start';
  /** The server whose page this is; empty if it was not served by one. */
  host: string;
}

export interface CallRequest {
  kind: 'call';
  id: number;
  name: string;
  params: unknown;
  files: Blob[];
}

export interface AbortRequest {
  kind: 'abort';
  id: number;
}

/** Names a lock that the page holds for as long as it is there. */
export interface Here {
  kind: 'here';
  page: string;
}

/** The last message of a page. */
export interface Leave {
  kind: 'leave';
}

/** What the worker sends to a page. */
export type Response = AnswerResponse | EventsResponse | FailedResponse;

export interface AnswerResponse {
  kind: 'answer';
  id: number;
  problem?: Problem;
  answer?: unknown;
  file?: Blob;
}

export interface EventsResponse {
  kind: 'events';
  events: Told[];
}

/** An event: a key of Events, and its value. */
export interface Told {
  name: string;
  data: unknown;
}

/** The core could not begin, or ended. */
export interface FailedResponse {
  kind: 'failed';
  problem: Failure;
}
