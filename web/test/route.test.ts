// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { above, format, invitation, level, parse, Router, type Route } from '../src/model/route';
import { World } from './fake';

const places: [string, Route, number][] = [
  ['/', { at: 'home' }, 0],
  ['/requests', { at: 'requests' }, 0],
  ['/archive', { at: 'archive' }, 0],
  ['/new', { at: 'new', address: '' }, 0],
  ['/new/group', { at: 'new-group' }, 0],
  ['/c/a%2Fb%20c%3F%25', { at: 'conversation', id: 'a/b c?%', panel: false }, 1],
  ['/c/x/info', { at: 'conversation', id: 'x', panel: true }, 2],
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
  for (const path of ['', '//', '/c', '/c/', '/c/%', '/person/ana@example.org', '/nonsense/x', '/constructor', '/C/x'])
    assert.deepEqual(parse(path), { at: 'home' }, path);
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
  const router = new Router(world.history, '#/c/x/info');
  router.back();
  assert.deepEqual(world.places, ['/c/x'], 'no way was come: the place above takes the place of this one');
  router.go({ at: 'settings', section: '' });
  router.go({ at: 'settings', section: 'privacy' });
  router.go({ at: 'settings', section: 'privacy' });
  assert.deepEqual(world.places, ['/c/x', '/settings', '/settings/privacy']);
  router.back();
  router.follow('');
  assert.deepEqual(world.places, ['/c/x', '/settings']);
  assert.deepEqual(router.route.value, { at: 'settings', section: '' });
  router.go({ at: 'archive' }, true);
  assert.deepEqual(world.places, ['/c/x', '/archive']);
  router.back();
  router.follow('');
  router.back();
  assert.deepEqual(world.places, ['/']);
  assert.deepEqual(router.route.value, { at: 'home' });
});

test('whom a place is about is known to the page alone, and to nobody who loads it anew', () => {
  const world = new World();
  const router = new Router(world.history, '#/add/ana@example.org%3A8443');
  assert.deepEqual(router.route.value, { at: 'new', address: 'ana@example.org:8443' });
  router.go({ at: 'person', address: 'ben@example.org' });
  router.go({ at: 'conversation', id: 'x', panel: false });
  assert.deepEqual(world.places, ['/new', '/', '/c/x']);
  router.back();
  router.follow('');
  assert.deepEqual(router.route.value, { at: 'person', address: 'ben@example.org' });
  assert.deepEqual(new Router(world.history, '').route.value, { at: 'home' });
});

test('an invitation leads to the server of whom it is from', () => {
  assert.equal(invitation('ana@example.org:8443'), 'https://example.org:8443/#/add/ana@example.org:8443');
  assert.equal(invitation('ana@localhost:7480'), 'http://localhost:7480/#/add/ana@localhost:7480');
  assert.equal(invitation('ana@localhost.example'), 'https://localhost.example/#/add/ana@localhost.example');
});
