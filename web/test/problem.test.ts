// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from '../src/locale/en';
import { CoreError, type Failure } from '../src/core/core';
import { wording } from '../src/model/problem';

test('every error code has a text', () => {
  const codes: Failure['code'][] = [
    'offline',
    'passphrase',
    'taken',
    'invite',
    'no-person',
    'not-allowed',
    'gone',
    'closed',
    'full',
    'impostor',
    'canceled',
    'no-accounts',
    'in-use',
    'lost',
    'stuck',
  ];
  for (const code of codes)
    assert.equal(wording(new CoreError(code, 'English')), en[`error.${code}` as keyof typeof en]);
  for (const code of ['failed', 'input', 'phase'] as const)
    assert.deepEqual(
      [wording(new CoreError(code, 'said')), wording(new CoreError(code, ''))],
      ['Said.', en['error.failed']],
    );
  assert.equal(wording(new TypeError('inner detail')), en['error.failed']);
});
