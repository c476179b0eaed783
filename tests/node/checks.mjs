// What the SDK scripts share: running every check, showing every failure.
import assert from "node:assert/strict";

export const equal = assert.deepEqual;
export const yes = assert.ok;

// Marks a check with what the gateway must be able to carry for it.
export function needs(...capabilities) {
  const check = capabilities.pop();
  check.needs = capabilities;
  return check;
}

// BASE MODEL REFUSED SHOWN: the capabilities that are expected to be refused, or with `!` behind them
// to go wrong otherwise, and what the provider shows of its reasoning (`thoughts`, `tokens`); `-` is
// none.
export function parameters() {
  const [base, model, refused, shown] = process.argv.slice(2);
  const listed = (text) => (text === "-" ? [] : text.split(","));
  const pairs = listed(refused).map((name) => [name.replace("!", ""), name.endsWith("!")]);
  return { base, model, refused: new Map(pairs), shown: new Set(listed(shown)) };
}

// The error that a call ends with, which must be of exactly this class.
export async function rejects(kind, call) {
  const error = await call().then(
    () => assert.fail(`${kind.name} expected, nothing thrown`),
    (error) => error,
  );
  equal(error.constructor.name, kind.name, String(error));
  return error;
}

// The HTTP status that an error stands for, whatever it is wrapped in.
function statusOf(error) {
  for (let each = error; each; each = each.cause ?? each.lastError) {
    if (Number.isInteger(each.status ?? each.statusCode)) return each.status ?? each.statusCode;
  }
  return undefined;
}

async function passes(name, check, refused) {
  const unmet = (check.needs ?? []).filter((need) => refused.has(need));
  try {
    await check();
  } catch (error) {
    const wrong = unmet.some((need) => refused.get(need));
    if (unmet.length > 0 && (wrong || [400, 404].includes(statusOf(error)))) {
      console.log(`refused as expected: ${name} (${unmet})`);
      return true;
    }
    console.log(`FAILED ${name}`, error);
    return false;
  }
  if (unmet.length > 0) {
    console.log(`FAILED ${name}: ${unmet} is carried now`);
    return false;
  }
  console.log(`ok ${name}`);
  return true;
}

// Runs all checks; the process fails when one of them does.
export async function run(checks, refused) {
  let good = true;
  for (const [name, check] of Object.entries(checks)) {
    good = (await passes(name, check, refused)) && good;
  }
  process.exit(good ? 0 : 1);
}

export const PICTURE = "iVBORw0KGgo=";
export const ADDRESS = "https://pictures.test/a.png";
export const CALLS = '[[tool:get_weather {"city": "Oslo"}]] [[tool:get_time {"zone": "UTC"}]]';
export const TEXT = 'The quick brown fox, 敏捷的棕色狐狸 — and a 🦊 — jumps over "the" lazy dog.\nTwice.';
