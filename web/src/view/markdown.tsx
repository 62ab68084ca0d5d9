// SPDX-License-Identifier: AGPL-3.0-or-later

// Markdown as nodes. Nothing here makes markup out of text: tokens become
// elements of a fixed list, and what is not on it is shown as it was written.

import { Lexer, type Token, type Tokens } from 'marked';
import { Fragment, h, type ComponentChildren, type VNode } from 'preact';
import { unseen } from '../model/invisible.gen';
import { harmless } from '../model/text';
import { Kept } from './parts';

/** Deeper nested texts are shown as they were written. */
const deepest = 8;
/**
 * What has more than this is shown as it was written: reading some of it takes
 * the square of its size, and a short text can ask for millions of cells.
 */
const most = { letters: 8000, lines: 400, marks: 300, cells: 2000 };
const nested = /^[ \t]*(?:>[ \t]*|(?:[*+-]|\d+[.)])[ \t]+){12}/m;

/** A line that has nothing to read Markdown from, as most have not: it needs no lexer. */
const simple = /^(?![\s\d=+-])(?!.*www\.)[^\\`*_{}[\]<>#|~!:@&\n\r]+$/i;

/** What Markdown would make nothing of. */
const signs = /^[\s#>*+=_~`-]*$/;

export function Markdown({ text }: { text: string }): VNode {
  return <Kept on={[text]} draw={() => <div class="markdown">{tree(text)}</div>} />;
}

/** A text as nodes. */
export function tree(text: string): ComponentChildren {
  const clean = harmless(text);
  if (simple.test(clean)) return <p dir="auto">{clean}</p>;
  if (heavy(clean) || signs.test(clean)) return raw(clean);
  try {
    return blocks(new Lexer({ gfm: true, breaks: true }).lex(clean), 0);
  } catch {
    // Thousands of nested quotes exhaust the stack of the lexer, and must not take the page with them.
    return raw(clean);
  }
}

function raw(text: string): VNode {
  return (
    <p class="raw" dir="auto">
      {text}
    </p>
  );
}

function heavy(text: string): boolean {
  if (text.length > most.letters) return true;
  const lines = text.split('\n');
  const columns = Math.max(...lines.map((l) => l.split('|').length));
  return (
    lines.length > most.lines ||
    columns * lines.length > most.cells ||
    text.split(/[*_~]{1,3}|[\\`<![\]@&]/).length > most.marks ||
    nested.test(text)
  );
}

function blocks(tokens: Token[], depth: number): ComponentChildren {
  return tokens.map((token, i) => <Fragment key={i}>{block(token, depth)}</Fragment>);
}

function block(token: Token, depth: number): ComponentChildren {
  if (depth > deepest) return raw(token.raw);
  switch (token.type) {
    case 'space':
    case 'checkbox': // the item of the list shows it
      return null;
    case 'heading':
      return (
        <p class="heading" dir="auto">
          {inline((token as Tokens.Heading).tokens, depth + 1)}
        </p>
      );
    case 'paragraph':
      return <p dir="auto">{inline((token as Tokens.Paragraph).tokens, depth + 1)}</p>;
    case 'text':
      return (token as Tokens.Text).tokens ? (
        <span>{inline((token as Tokens.Text).tokens, depth + 1)}</span>
      ) : (
        <span>{token.raw}</span>
      );
    case 'code':
      return (
        <pre tabIndex={0}>
          <code>{(token as Tokens.Code).text}</code>
        </pre>
      );
    case 'blockquote':
      return <blockquote dir="auto">{blocks((token as Tokens.Blockquote).tokens, depth + 1)}</blockquote>;
    case 'list':
      return list(token as Tokens.List, depth);
    case 'hr':
      return <hr />;
    case 'table':
      return table(token as Tokens.Table, depth);
  }
  return raw(token.raw);
}

/** Numbers from here on do not fit beside the text. */
const longNumber = 100;

function list(token: Tokens.List, depth: number): VNode {
  const items = token.items.map((item, i) => (
    <li key={i} dir="auto">
      {item.task && (item.checked ? '☑ ' : '☐ ')}
      {blocks(item.tokens, depth + 1)}
    </li>
  ));
  const start = Number(token.start);
  return token.ordered ? (
    <ol start={start} class={start + items.length > longNumber ? 'inside' : ''}>
      {items}
    </ol>
  ) : (
    <ul>{items}</ul>
  );
}

function table(token: Tokens.Table, depth: number): VNode {
  return (
    <div class="table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {token.header.map((c, i) => (
              <th key={i} scope="col" dir="auto">
                {inline(c.tokens, depth + 1)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((r, i) => (
            <tr key={i}>
              {r.map((c, j) => (
                <td key={j} dir="auto">
                  {inline(c.tokens, depth + 1)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function inline(tokens: Token[] | undefined, depth: number): ComponentChildren {
  return tokens?.map((token, i) => <Fragment key={i}>{span(token, depth)}</Fragment>);
}

function span(token: Token, depth: number): ComponentChildren {
  if (depth > deepest) return token.raw;
  switch (token.type) {
    case 'strong':
      return <strong>{inline((token as Tokens.Strong).tokens, depth + 1)}</strong>;
    case 'em':
      return <em>{inline((token as Tokens.Em).tokens, depth + 1)}</em>;
    case 'del':
      return <del>{inline((token as Tokens.Del).tokens, depth + 1)}</del>;
    case 'codespan':
      return <code>{(token as Tokens.Codespan).text}</code>;
    case 'checkbox':
      return null;
    case 'br':
      return <br />;
    case 'escape':
      return (token as Tokens.Escape).text;
    case 'text':
      return (token as Tokens.Text).tokens
        ? inline((token as Tokens.Text).tokens, depth + 1)
        : (token as Tokens.Text).text;
    case 'link':
      return link(token as Tokens.Link);
  }
  return token.raw;
}

/** A link to the web or to an address; others stay text. */
function link(token: Tokens.Link): ComponentChildren {
  const text = token.text || token.href;
  if (/^mimi:/i.test(token.href)) return <span class="mention">{text}</span>;
  const url = target(token.href);
  if (!url) return token.raw;
  const where = url.protocol === 'mailto:' ? decoded(url.pathname) : url.host;
  return (
    <>
      <a href={url.href} target="_blank" rel="noopener noreferrer" dir="auto">
        {text}
      </a>
      {(disguised(text, where) || url.username || url.password) && <span class="real-host ltr"> ({where})</span>}
    </>
  );
}

function target(href: string): URL | null {
  try {
    const url = new URL(href);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A text that is longer says too much to be compared with an address. */
const longestName = 300;
/** A host within a sentence. */
const hosts = /[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu;

/** What is a dot to eyes or to browsers, by Unicode's list of what is confusable, but for what NFKC makes one of. */
const dots = /[·٠۔۰܁܂ᐧ•‧∙⋅⸱⸳。・ꓸ꘎𐄁𐩐𝅭]/gu;

/** Whether a text looks like an address other than where it leads. */
export function disguised(text: string, where: string): boolean {
  if (text.length > longestName) return true;
  const to = where.toLowerCase().replace(/:\d+$/, '');
  const said = text.normalize('NFKC').replace(dots, '.').replace(unseen, '').toLowerCase().trim();
  if (!said) return true;
  if (to.includes('@')) return /[@.]/.test(said) && said.replace(/^mailto:/, '') !== to;
  if (/xn--/.test(to) && /[^\u0000-\u007f]/.test(said)) return true;
  const url = /\s/.test(said) ? null : target(/^https?:/.test(said) ? said : `https://${said}`);
  if (url?.username || url?.password) return true;
  const named = url ? [url.hostname].filter((n) => n.includes('.')) : (said.match(hosts) ?? []);
  return named.some((n) => n !== to && !to.endsWith(`.${n}`));
}
