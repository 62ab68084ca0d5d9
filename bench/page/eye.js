// SPDX-License-Identifier: AGPL-3.0-or-later

// Runs in every document before its own scripts, and watches it.
(() => {
  const afterPaint = () => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))));

  /** When what a function finds has been painted, in milliseconds since the navigation began. */
  const painted = (find) =>
    new Promise((done) => {
      const look = () => {
        if (!find()) return false;
        observer.disconnect();
        void afterPaint().then(done);
        return true;
      };
      const observer = new MutationObserver(look);
      if (!look()) observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    });

  const shows = (text) => () => {
    const all = document.querySelectorAll('.message');
    for (let i = all.length - 1; i >= 0; i--) if (all[i].textContent.includes(text)) return true;
    return false;
  };

  let began = 0;
  const tasks = [];
  const inputs = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().filter((e) => e.startTime >= began).map((e) => e.duration))).observe({ type: 'longtask' });
  addEventListener('keydown', (e) => void afterPaint().then((at) => e.timeStamp >= began && inputs.push(at - e.timeStamp)), true);

  let frames = [];
  let counting = 0;
  const count = () => {
    const turn = ++counting;
    frames = [];
    tasks.length = inputs.length = 0;
    let before = (began = performance.now());
    const step = (now) => {
      if (turn !== counting) return;
      frames.push(now - before);
      before = now;
      requestAnimationFrame(step);
    };
    requestAnimationFrame((now) => {
      before = now;
      requestAnimationFrame(step);
    });
  };

  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const keyed = (key) => document.querySelector(`.timeline [data-key="${CSS.escape(key)}"]`);

  /** The message in the middle of the timeline. */
  const underEye = () => {
    const box = document.querySelector('.timeline').getBoundingClientRect();
    return [...document.querySelectorAll('.timeline .message')].find((m) => m.getBoundingClientRect().bottom > box.top + box.height / 2);
  };

  /** Scrolls a timeline up, and says how far, in pixels, the message under the eye moved by itself meanwhile, and how many were passed. */
  const back = async (steps) => {
    let moved = 0;
    const seen = new Set();
    for (let i = 0; i < steps; i++) {
      document.querySelector('.timeline').scrollTop -= 700;
      await frame();
      await frame();
      const { key } = underEye().dataset;
      const { top } = keyed(key).getBoundingClientRect();
      for (let n = 0; n < 8; n++) {
        await frame();
        moved = Math.max(moved, Math.abs((keyed(key)?.getBoundingClientRect().top ?? Infinity) - top));
      }
      document.querySelectorAll('.timeline .message').forEach((m) => seen.add(m.dataset.key));
    }
    return { moved, seen: seen.size };
  };

  let clicked = 0;
  addEventListener('click', (e) => (clicked = e.timeStamp), true);
  let pressed = 0;
  addEventListener('keydown', (e) => (pressed = performance.timeOrigin + e.timeStamp), true);

  globalThis.eye = {
    first: painted(() => document.querySelector('.side a.row')),
    asks: painted(() => document.querySelector('input[type=password]')),
    painted,
    afterPaint,
    shows,
    count,
    back,
    /** Ends counting: the gaps between frames, the longest task, and how long keys took until what they did was painted. */
    counted: () => {
      counting++;
      return { frames, task: Math.max(0, ...tasks), inputs };
    },
    get clicked() {
      return clicked;
    },
    get pressed() {
      return pressed;
    },
  };
})();
