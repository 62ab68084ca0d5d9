// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isValidElement, type ComponentChildren, type VNode } from 'preact';
import { disguised, tree } from '../src/view/markdown';

interface Found {
  names: string[];
  text: string;
  links: string[];
  attributes: Set<string>;
  depth: number;
}

/** Everything in a tree of nodes. */
function look(nodes: ComponentChildren): Found {
  const found: Found = { names: [], text: '', links: [], attributes: new Set(), depth: 0 };
  const visit = (node: ComponentChildren, depth: number): void => {
    if (Array.isArray(node)) return (node as ComponentChildren[]).forEach((n) => visit(n, depth));
    if (typeof node === 'string' || typeof node === 'number') found.text += node;
    if (!isValidElement(node)) return;
    const { type, props } = node as VNode<{ children?: ComponentChildren; href?: string }>;
    const own = typeof type === 'string';
    found.depth = Math.max(found.depth, depth);
    if (own) found.names.push(type);
    for (const [name, value] of Object.entries(props))
      if (own && name !== 'children' && value !== undefined) found.attributes.add(name);
    if (props.href) found.links.push(props.href);
    visit(props.children, depth + (own ? 1 : 0));
  };
  visit(nodes, 0);
  return found;
}

const allowed = new Set([
  'p',
  'span',
  'pre',
  'code',
  'blockquote',
  'hr',
  'li',
  'ol',
  'ul',
  'div',
  'table',
  'thead',
  'tbody',
  'tr',
  'th',
  'td',
  'strong',
  'em',
  'del',
  'br',
  'a',
]);
const attributes = new Set(['class', 'dir', 'tabIndex', 'scope', 'href', 'target', 'rel', 'start', 'key']);

test('Markdown becomes elements', () => {
  assert.deepEqual(look(tree('**a** _b_ ~~c~~ `d`')).names, ['p', 'strong', 'em', 'del', 'code']);
  assert.deepEqual(look(tree('- a\n- b')).names, ['ul', 'li', 'span', 'li', 'span']);
  assert.deepEqual(look(tree('> a\n\n```\n<b>\n```')).names, ['blockquote', 'p', 'pre', 'code']);
  assert.deepEqual(look(tree('a\nb')).names, ['p', 'br']);
  assert.ok(look(tree('|a|b|\n|-|-|\n|1|2|')).names.includes('table'));
  assert.equal(look(tree('- [x] done\n- [ ] open')).text, '☑ done☐ open');
  assert.equal(look(tree('- [x] done\n\n- [ ] open')).text, '☑ done☐ open');
});

test('a line without Markdown is one, and others are read', () => {
  for (const line of ['Hello', 'Is it 5 o’clock yet? (I think so.)', 'مرحبا', '"quoted", 100 %; a/b', '👍']) {
    const found = look(tree(line));
    assert.deepEqual([found.names, found.text], [['p'], line]);
  }
  for (const [line, name] of [
    ['1. a', 'ol'],
    ['- a', 'ul'],
    ['+ a', 'ul'],
    ['    a', 'pre'],
    ['see www.example.org', 'a'],
    ['ana@example.org', 'a'],
    ['http://example.org', 'a'],
    ['a\nb', 'br'],
    ['a\n=', 'p'],
  ] as const) {
    assert.ok(look(tree(line)).names.includes(name), line);
  }
});

test('markup is shown as it was written', () => {
  for (const hostile of [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<svg/onload=alert(1)>',
    '<a href="javascript:alert(1)">x</a>',
    'a <b onclick="x">b</b>',
    '<iframe src="https://example.org"></iframe>',
    '<!-- hidden -->',
    '<style>*{display:none}</style>',
    '![x](https://example.org/pixel.gif)',
    '&lt;script&gt;',
  ]) {
    const found = look(tree(hostile));
    assert.equal(found.text.trim(), hostile);
    assert.deepEqual(
      found.names.filter((n) => n !== 'p' && n !== 'span'),
      [],
      hostile,
    );
  }
});

test('nothing but the fixed elements and attributes is ever made', () => {
  const hostile = [
    '[x](https://e.org "t\\" onclick=1")',
    '# h {#id .class}',
    '<details open ontoggle=alert(1)>',
    '1. a\n2. b',
    '***a***',
    '[^1]\n\n[^1]: b',
    '$$x$$',
    '```html onload=1\nx\n```',
    '|a|\n|:-:|\n|b|',
  ];
  for (const text of hostile) {
    const found = look(tree(text));
    assert.deepEqual(
      found.names.filter((n) => !allowed.has(n)),
      [],
      text,
    );
    assert.deepEqual(
      [...found.attributes].filter((a) => !attributes.has(a)),
      [],
      text,
    );
  }
});

test('links lead to the web and to mail, and nowhere else', () => {
  for (const href of [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://e.org/x',
    '//e.org',
    '/c/x',
    'intent://x',
    '&#106;avascript:alert(1)',
  ]) {
    for (const text of [`[x](${href})`, `[x](<${href}>)`, `<${href}>`, `[x]\n\n[x]: ${href}`])
      assert.deepEqual(
        look(tree(text)).links.filter((l) => !/^https?:/.test(l)),
        [],
        text,
      );
  }
  assert.deepEqual(look(tree('https://example.org/a and [b](http://b.org) and <ana@example.org>')).links, [
    'https://example.org/a',
    'http://b.org/',
    'mailto:ana@example.org',
  ]);
  const mention = look(tree('[@Ana](mimi://example.org/u/ana)'));
  assert.deepEqual([mention.links, mention.text], [[], '@Ana']);
});

test('a link that looks like another address names the real one', () => {
  const shown = (text: string) => look(tree(text)).text;
  assert.equal(shown('[bank.com](https://evil.com)'), 'bank.com (evil.com)');
  assert.equal(shown('https://bank.com@evil.com'), 'https://bank.com@evil.com (evil.com)');
  assert.equal(shown('[the report](https://example.org/report)'), 'the report');
  assert.equal(shown('https://example.org/index.html'), 'https://example.org/index.html');
  assert.equal(shown('www.example.org'), 'www.example.org');
  assert.match(shown('<https://раураl.com>'), /\(xn--.*\)$/);
  for (const [text, where] of [
    ['bank.com', 'evilbank.com'],
    ['bank.com', 'bank.com.evil.org'],
    ['https://bank.com/login', 'evil.com'],
    ['BANK.COM', 'evil.com'],
    ['bank․com', 'evil.com'],
    ['bank。com', 'evil.com'],
    ...[...'·٠۔۰܁܂ᐧ•‧∙⋅⸱⸳。・ꓸ꘎𐄁𐩐𝅭․﹒．｡･·'].map((dot) => [`bank${dot}com`, 'evil.com'] as const),
    ['go to evil.com or bank.com', 'evil.com'],
    ['раураl.com', 'paypal.com'],
    ['Log in: bank.com', 'evil.com:8443'],
    ['good\u200d.example', 'evil.com'],
    ['see good\ufe0f.example', 'evil.com'],
    ['good\u17b4.example', 'evil.com'],
    ['\u200c', 'evil.com'],
    ['\u3164', 'evil.com'],
    ['\u{1d159}\u{e0fff}', 'evil.com'],
    ['\u2800', 'evil.com'],
    [' ', 'evil.com'],
    ['ceo@bank.com', 'me@evil.com'],
    ['x'.repeat(20_000), 'evil.com'],
    ['bank.com@evil.com', 'evil.com'],
  ] as const)
    assert.equal(disguised(text, where), true, text.slice(0, 40));
  for (const [text, where] of [
    ['bank.com', 'bank.com'],
    ['bank.com', 'www.bank.com'],
    ['https://bank.com:8443/x?y.z', 'bank.com:8443'],
    ['our bank', 'bank.com'],
    ['ana@example.org', 'ana@example.org'],
    ['write to me', 'ana@example.org'],
    ['example.org/a.b.c', 'example.org'],
  ] as const)
    assert.equal(disguised(text, where), false, text);
});

test('what reorders or hides text does so nowhere', () => {
  const found = look(tree('a\u202eb **c\u2067d** `e\u200bf` [bank\u200b.com](https://evil.com)'));
  assert.equal(found.text, 'ab cd ef bank.com (evil.com)');
});

test('what is shown as it was written keeps its lines', () => {
  const long = Array.from({ length: 500 }, (_, i) => `line ${i}`).join('\n');
  const found = look(tree(long));
  assert.deepEqual([found.text, found.names], [long, ['p']]);
  assert.ok(found.attributes.has('dir'));
});

test('signs alone are shown, and numbers as they were written', () => {
  for (const text of ['#', '>', '-', '+', '*', '---', '> >', '```', '']) assert.equal(look(tree(text)).text, text);
  const begins = (text: string) => {
    const [list] = tree(text) as VNode<object>[];
    const { start, class: kind } = (list!.props.children as VNode<{ start: number; class: string }>).props;
    return [start, kind];
  };
  assert.deepEqual(
    [begins('0. zero'), begins('20240615. Rechnung')],
    [
      [0, ''],
      [20240615, 'inside'],
    ],
  );
});

test('a definition does not hide what was written', () =>
  assert.match(look(tree('[secret]: https://example.org')).text, /secret/));

test('deep nesting ends', () => {
  for (const text of [
    '> '.repeat(40) + 'deep',
    Array.from({ length: 60 }, (_, i) => `${'  '.repeat(i)}- a`).join('\n'),
    `${'*a **b '.repeat(30)}x${'** *'.repeat(30)}`,
  ]) {
    const found = look(tree(text));
    assert.ok(found.depth < 24, `${found.depth}`);
  }
  assert.match(look(tree('> '.repeat(40) + 'deep')).text, /deep/);
});

test('no text breaks the page', () => {
  for (const piece of ['>', '> ', '1. ', '- ', '[', '![', '*a **b ', '`', '~~a', '<a ']) {
    const found = look(tree(piece.repeat(20_000 / piece.length)));
    assert.ok(found.names.length > 0, piece);
  }
});

test('64 KiB are shown as they were written', () => {
  const text = '**a** '.repeat(65_536 / 6);
  const found = look(tree(text));
  assert.deepEqual(found.names, ['p']);
  assert.equal(found.text, text);
});

test('a short text does not become a large table, wherever it stands', () => {
  const wide = [
    ...Array.from({ length: 2 }, (_, i) => (i ? '-|' : 'a|').repeat(1000)),
    ...Array.from({ length: 3000 }, () => 'a'),
  ];
  const few = wide.slice(0, 300).map((l) => l.slice(0, 200));
  for (const lines of [wide, few]) {
    for (const [first, next] of [
      ['', ''],
      ['> ', '> '],
      ['- ', '  '],
      ['- > ', '  > '],
      ['1. ', '   '],
    ] as const) {
      const text = lines.map((l, i) => (i ? next : first) + l).join('\n');
      assert.deepEqual(look(tree(text)).names, ['p'], first);
    }
  }
  const table = `|${'a|'.repeat(8)}\n|${'-|'.repeat(8)}\n${`|${'b|'.repeat(8)}\n`.repeat(150)}`;
  assert.equal(look(tree(table)).names.filter((n) => n === 'td').length, 1200);
});

test('no text takes long, whatever it is made of', () => {
  const pieces = [
    '*a **b ',
    '**a',
    '_a',
    '__a_',
    '***a',
    '*a_b',
    '[a](',
    '[',
    '![',
    '!',
    '<',
    '`a',
    '~~a',
    '> ',
    '>',
    '1. ',
    '- \n',
    '- - ',
    '- > ',
    '\\',
    '\\\n',
    '&',
    '|a',
    'http://a.',
    'a@b.',
    '@',
    'www.a',
    '[a]: b\n',
    '  \n',
    'a\n',
    '\ta\n',
    'a\n-\n',
    '* a\n',
    '<!--',
    '[a](<',
    'a-b.',
    'a ',
    ' ',
    '*',
    '_',
    '~',
    '`',
  ];
  const took = (text: string) => {
    const begun = process.cpuUsage().user;
    look(tree(text));
    return (process.cpuUsage().user - begun) / 1000;
  };
  for (const before of ['', '1. ', '- ', '[', '~~', 'a'.repeat(7000), '*'.repeat(400)]) {
    for (const piece of pieces) {
      for (const length of [300, 1000, 4000, 8000, 65_536]) {
        const text = (before + piece.repeat(length / piece.length)).slice(0, length);
        const ms = Math.min(took(text), took(text));
        assert.ok(ms < 150, `${JSON.stringify(before.slice(0, 9) + piece)}, ${length} characters: ${ms} ms`);
      }
    }
  }
});
