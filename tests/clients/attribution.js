// The attribution page in a headless browser: what it draws, against the figures of the JSON report of the same moment.
// Arguments: a folder for the project. Environment: TWINMAP, BROWSER and the sandbox's addresses and tokens.
const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { chromium } = require('playwright-core');

const env = process.env;
const folder = process.argv[2];
const root = path.join(__dirname, '../..');
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];

function twinmap(...args) {
  const done = spawnSync(path.resolve(root, env.TWINMAP), ['-C', folder, ...args], { encoding: 'utf8' });
  assert.ok([0, 3].includes(done.status), `twinmap ${args.join(' ')}: ${done.status}\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

// HubSpot's example project against this sandbox, synced once from the beginning.
function project() {
  fs.mkdirSync(path.join(folder, 'mappings'), { recursive: true });
  const example = path.join(root, 'specs/hubspot-linkedin');
  for (const name of fs.readdirSync(path.join(example, 'mappings'))) {
    const text = fs.readFileSync(path.join(example, 'mappings', name), 'utf8');
    fs.writeFileSync(path.join(folder, 'mappings', name), text.replaceAll('start: new', 'start: all'));
  }
  const config = fs.readFileSync(path.join(example, 'twinmap.toml'), 'utf8').replace('env = "sandbox"\n', '')
    .replace(/http:\/\/127\.0\.0\.1:4011/, env.HUBSPOT_URL).replace(/http:\/\/127\.0\.0\.1:4013/, env.SALESNAV_URL);
  fs.writeFileSync(path.join(folder, 'twinmap.toml'), config);
  twinmap('schema', 'pull');
  twinmap('connect', '--environment', 'Twinmap Sales', '--accept', '--by', 'Ana Costa');
  twinmap('start');
  twinmap('run');
}

// A page and the report that it shows. The report is about now: the page lies between two that are alike.
function pair() {
  for (let tries = 0; tries < 5; tries += 1) {
    const ask = () => JSON.parse(twinmap('attribution', '--format', 'json'));
    const before = ask();
    twinmap('attribution', '--format', 'html', '-o', path.join(folder, 'attribution.html'));
    const after = ask();
    const figures = (report) => JSON.stringify({ ...report, until: '' });
    if (figures(before) === figures(after)) return [after, fs.readFileSync(path.join(folder, 'attribution.html'))];
  }
  throw new Error('the report never stands still');
}

const money = (text) => Number(text).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percent = (rate) => (rate === null ? '-' : `${Number(rate)} %`);
const days = (mean) => (mean === null ? '-' : String(Number(mean)));

function row(name, own, metrics) {
  return [
    name, own.channel ?? '', own.people ?? '', metrics.deals, metrics.open, metrics.won, metrics.lost,
    money(metrics.pipeline), money(metrics.revenue), percent(metrics.win_rate), days(metrics.days_to_close),
    own.spend ?? '',
  ].map(String);
}

// What the page shows, as the browser laid it out.
function seen() {
  const text = (node) => node.textContent.trim();
  const charts = [...document.querySelectorAll('figure')].map((figure) => {
    const svg = figure.querySelector('svg');
    const edge = svg.getBoundingClientRect();
    return {
      title: text(figure.querySelector('h2')),
      bars: [...svg.querySelectorAll('rect')].map((bar) => ({
        value: bar.dataset.value, width: bar.getBoundingClientRect().width, height: bar.getBoundingClientRect().height,
        fill: getComputedStyle(bar).fill,
      })),
      labels: [...svg.querySelectorAll('text')].map(text),
      inside: [...svg.querySelectorAll('text,rect')].every((part) => {
        const at = part.getBoundingClientRect();
        return at.left >= edge.left - 1 && at.right <= edge.right + 1 && at.bottom <= edge.bottom + 1;
      }),
    };
  });
  const cards = Object.fromEntries([...document.querySelectorAll('.card')].map((card) => [card.id, text(card.querySelector('b'))]));
  const rows = [...document.querySelectorAll('tbody tr, tfoot tr')].map((line) => [...line.cells].map(text));
  const style = getComputedStyle(document.body);
  const table = document.querySelector('.table');
  const whole = table.scrollWidth <= table.clientWidth;
  return { charts, cards, rows, whole, colour: style.color, background: style.backgroundColor, title: document.title };
}

// WCAG's contrast of two `rgb(...)` colours.
function contrast(one, other) {
  const light = (colour) => {
    const [r, g, b] = colour.match(/\d+/g).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [most, least] = [light(one), light(other)].sort((a, b) => b - a);
  return (most + 0.05) / (least + 0.05);
}

const CHECKS = {
  'no errors in the console and no request beyond the page': async ({ errors, requests, base }) => {
    assert.deepStrictEqual(errors, []);
    assert.deepStrictEqual(requests.filter((url) => url !== `${base}/` && !url.startsWith('data:')), []);
    assert.ok(requests.includes(`${base}/`));
  },
  'cards and table have the figures of the JSON report': async ({ shown, report }) => {
    const some = report.influenced;
    assert.ok(some.deals > 0 && report.groups.length > 1, 'the report is empty');
    assert.deepStrictEqual(shown.cards, {
      deals: String(some.deals), pipeline: money(some.pipeline), revenue: money(some.revenue),
      'win-rate': percent(some.win_rate), days: days(some.days_to_close),
    });
    const groups = report.groups.map((group) => row(
      group.group,
      { channel: group.channel === 'AD' ? 'ads' : 'organic', people: group.people, spend: money(group.spend_usd) },
      group,
    ));
    const totals = [row('influenced, each deal once', {}, some), row('all deals', {}, report.all)];
    assert.deepStrictEqual(shown.rows, [...groups, ...totals]);
  },
  'charts are drawn, each bar as long as its figure': async ({ shown, report }) => {
    const figures = [['revenue', money], ['pipeline', money], ['win_rate', percent], ['days_to_close', days]];
    assert.strictEqual(shown.charts.length, figures.length);
    shown.charts.forEach((chart, place) => {
      const [name, words] = figures[place];
      const values = report.groups.map((group) => group[name]);
      assert.deepStrictEqual(chart.bars.map((bar) => (bar.value === '' ? null : bar.value)), values.map((v) => v && String(v)));
      const most = Math.max(...values.map(Number));
      const longest = Math.max(...chart.bars.map((bar) => bar.width));
      assert.ok(most > 0 && longest > 50, `${chart.title}: nothing is drawn`);
      chart.bars.forEach((bar, index) => {
        const wanted = (Number(values[index]) / most) * longest;
        assert.ok(Math.abs(bar.width - wanted) < 1, `${chart.title}: ${bar.width} for ${wanted}`);
        assert.ok(bar.height > 5 && contrast(bar.fill, shown.background) > 3, `${chart.title}: ${bar.fill} can't be seen`);
      });
      for (const value of values) assert.ok(chart.labels.includes(words(value)), `${chart.title}: no ${words(value)}`);
      assert.ok(chart.inside, `${chart.title}: a text is cut off`);
    });
  },
  'the table is whole on a screen': async ({ shown }) => assert.ok(shown.whole),
  'it can be read in the light, in the dark and on paper': async ({ page }) => {
    const looks = {};
    for (const [name, media] of Object.entries({
      light: { media: 'screen', colorScheme: 'light' }, dark: { media: 'screen', colorScheme: 'dark' },
      paper: { media: 'print', colorScheme: 'dark' },
    })) {
      await page.emulateMedia(media);
      const look = await page.evaluate(seen);
      assert.ok(contrast(look.colour, look.background) >= 7, `${name}: ${look.colour} on ${look.background}`);
      const bars = look.charts.flatMap((chart) => chart.bars);
      assert.ok(bars.every((bar) => contrast(bar.fill, look.background) >= 3), `${name}: bars`);
      if (env.SCREENSHOTS) await page.screenshot({ path: path.join(env.SCREENSHOTS, `${name}.png`), fullPage: true });
      looks[name] = look.background;
    }
    assert.notStrictEqual(looks.light, looks.dark);
    assert.strictEqual(looks.paper, 'rgb(255, 255, 255)');
    // The width of A4 less a centimetre on each side, at 96 dots an inch.
    await page.setViewportSize({ width: 718, height: 1000 });
    assert.ok((await page.evaluate(seen)).whole, 'the table is cut off on paper');
    await page.setViewportSize({ width: 1200, height: 900 });
    assert.ok((await page.pdf({ format: 'A4' })).length > 10_000);
    await page.emulateMedia({ media: 'screen', colorScheme: 'light' });
  },
  'it fits a telephone': async ({ page }) => {
    await page.setViewportSize({ width: 360, height: 740 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${wide} wide`);
    const { charts } = await page.evaluate(seen);
    assert.ok(charts.every((chart) => chart.inside));
  },
};

async function main() {
  project();
  const [report, html] = pair();
  const server = http.createServer((request, response) => {
    response.writeHead(request.url === '/' ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' });
    response.end(request.url === '/' ? html : '');
  });
  await new Promise((ready) => { server.listen(0, '127.0.0.1', ready); });
  const base = `http://127.0.0.1:${server.address().port}`;
  const profile = path.join(folder, 'profile');
  const context = await chromium.launchPersistentContext(profile, { executablePath: env.BROWSER, args: FLAGS, headless: true });
  let failed = 0;
  try {
    const page = await context.newPage();
    await page.setViewportSize({ width: 1200, height: 900 });
    const [errors, requests] = [[], []];
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && errors.push(message.text()));
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(`${base}/`, { waitUntil: 'load' });
    const shown = await page.evaluate(seen);
    if (env.SCREENSHOTS) await page.screenshot({ path: path.join(env.SCREENSHOTS, 'attribution.png'), fullPage: true });
    for (const [name, check] of Object.entries(CHECKS)) {
      try {
        await check({ page, shown, report, errors, requests, base });
        console.log(`ok ${name}`);
      } catch (error) {
        failed += 1;
        console.log(`FAIL ${name}: ${String(error.message || error).split('\n').slice(0, 8).join(' | ')}`);
      }
    }
  } finally {
    await context.close();
    server.close();
  }
  process.exitCode = failed ? 1 : 0;
}

main().catch((error) => {
  console.log(`FAIL attribution page: ${String(error.message || error)}`);
  process.exitCode = 1;
});
