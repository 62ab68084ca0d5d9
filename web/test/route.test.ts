// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { above, format, level, parse, Router, type Route } from '../src/model/route';
import { World } from './fake';

const places: [string, Route, number][] = [
  ['/', { at: 'home' }, 0],
  ['/requests', { at: 'requests' }, 0],
  ['/archive', { at: 'archive' }, 0],
  ['/new', { at: 'new', address: '' }, 0],
  ['/new/group', { at: 'new-group' }, 0],
  ['/add/ana@example.org%3A8443', { at: 'new', address: 'ana@example.org:8443' }, 0],
  ['/c/a%2Fb%20c%3F%25', { at: 'conversation', id: 'a/b c?%', panel: false }, 1],
  ['/c/x/info', { at: 'conversation', id: 'x', panel: true }, 2],
  ['/person/ana@example.org', { at: 'person', address: 'ana@example.org' }, 1],
  ['/settings', { at: 'settings', section: '' }, 0],
  ['/settings/privacy', { at: 'settings', section: 'privacy' }, 1],
];

test('every place has a path, and the path leads back to it', () => {
  for (const [path, route, depth] of places) {
    assert.equal(format(route), path);
    assert.deepEqual(parse(path), route);
    assert.equal(level(route), depth, path);
  }
});

test('what is no place is home', () => {
  for (const path of ['', '//', '/c', '/c/', '/c/%', '/person/', '/nonsense/x', '/constructor', '/C/x']) assert.deepEqual(parse(path), { at: 'home' }, path);
  assert.deepEqual(parse('/settings/'), { at: 'settings', section: '' });
  assert.deepEqual(parse('/c/x/else/info'), { at: 'conversation', id: 'x', panel: false });
});

test('upwards leads home, at most in two steps, and a list is not above itself', () => {
  for (const [path, route] of places) {
    const up = above(route);
    if (route.at === 'home') continue;
    assert.notEqual(format(up), path);
    assert.deepEqual(above(above(up)), { at: 'home' }, path);
  }
});

test('back goes the way that was come, and upwards where there was none', () => {
  const world = new World();
  const router = new Router(world.history, '/c/x/info');
  router.back();
  assert.deepEqual(world.urls, ['/c/x'], 'no way was come: the place above takes the place of this one');
  router.go({ at: 'settings', section: '' });
  router.go({ at: 'settings', section: 'privacy' });
  router.go({ at: 'settings', section: 'privacy' });
  assert.deepEqual(world.urls, ['/c/x', '/settings', '/settings/privacy']);
  router.back();
  assert.deepEqual(world.urls, ['/c/x', '/settings']);
  router.follow('/settings');
  assert.deepEqual(router.route.value, { at: 'settings', section: '' });
  router.go({ at: 'archive' }, true);
  assert.deepEqual(world.urls, ['/c/x', '/archive']);
  router.back();
  router.follow('/c/x');
  router.back();
  assert.deepEqual(world.urls, ['/']);
  assert.deepEqual(router.route.value, { at: 'home' });
});
