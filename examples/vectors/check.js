// Checks functions of your own against known-answer vectors: put them in the place of those below.
//   backproof vectors --out - | node check.js
const text = require('node:fs').readFileSync(0, 'utf8');
const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line)), tally = {};
function check(name, answer, x) {
  const counts = (tally[name] ??= { entries: 0, outside: 0 });
  counts.entries += answer.value.length;
  counts.outside += answer.value.filter((value, i) => !(Math.abs(x[i] - value) <= answer.bound[i])).length;
}
// Matrices are flat, row by row, n by p and p by m; samples are columns.
const sum = (x) => x.reduce((total, each) => total + each, 0);
const product = (a, b, n, p, m) =>
  Array.from({ length: n * m }, (_, k) =>
    sum(Array.from({ length: p }, (_, j) => a[Math.floor(k / m) * p + j] * b[j * m + (k % m)])));
const transposed = (a, n, m) => Array.from({ length: n * m }, (_, k) => a[(k % n) * m + Math.floor(k / n)]);
const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const softplus = (z, { beta }) => Math.max(z, 0) + Math.log1p(Math.exp(-beta * Math.abs(z))) / beta;
// Each gives the activations of z and, for the gradient g by them, that by z.
const entrywise = (f, slope) => (z, g, _, p) => [z.map((x) => f(x, p)), z.map((x, i) => slope(x, p) * g[i])];
const activations = {
  tanh: entrywise(Math.tanh, (z) => 1 - Math.tanh(z) ** 2),
  relu: entrywise((z) => Math.max(z, 0), (z) => (z > 0 ? 1 : 0)),
  sigmoid: entrywise(sigmoid, (z) => sigmoid(z) * sigmoid(-z)),
  softplus: entrywise(softplus, (z, { beta }) => sigmoid(beta * z)),
  softmax: (z, g, [, m]) => {
    const units = (x, k) => x.filter((_, i) => i % m === k % m); // all units of the sample that k belongs to
    const e = z.map((x, k) => Math.exp(x - Math.max(...units(z, k))));
    const a = e.map((x, k) => x / sum(units(e, k))), ag = a.map((x, k) => x * g[k]);
    return [a, ag.map((x, k) => x - a[k] * sum(units(ag, k)))];
  },
};
// Each gives the loss of one entry and its derivative.
const losses = {
  half_squared_error: (a, y) => [(a - y) ** 2 / 2, a - y],
  bce: (a, y) => [-y * Math.log(a) - (1 - y) * Math.log1p(-a), (a - y) / (a * (1 - a))],
};
for (const { kind, activation, loss, inputs, answers } of lines.slice(1, -1)) {
  const numbers = Object.entries(inputs).map(([name, matrix]) => [name, matrix.value]);
  const { Z, A, Y, W, b, X, dA, weight } = Object.fromEntries(numbers);
  if (kind === 'loss' && loss.name in losses && !weight) {
    const pairs = A.map((a, i) => losses[loss.name](a, Y[i]));
    check(`loss ${loss.name}`, answers.loss, [sum(pairs.map(([value]) => value)) / loss.divisor]);
    check(`loss ${loss.name}`, answers.dA, pairs.map(([, slope]) => slope / loss.divisor));
  } else if (activation?.name in activations) {
    const [n, m] = answers.A.shape, p = inputs.X?.shape[0];
    const z = Z ?? product(W, X, n, p, m).map((x, k) => x + b[Math.floor(k / m)]);
    const [a, delta] = activations[activation.name](z, dA, [n, m], activation.parameters);
    const found = { Z: z, A: a, delta };
    if (kind === 'layer') {
      found.dW = product(delta, transposed(X, p, m), n, m, p);
      found.db = product(delta, Array(m).fill(1), n, m, 1);
      found.dX = product(transposed(W, n, p), delta, p, n, m);
    }
    for (const key in answers) check(`${kind} ${activation.name}`, answers[key], found[key]);
  }
}
for (const f in tally) console.log(`${f}: ${tally[f].entries} entries, ${tally[f].outside} outside`);
const { kind, vectors } = lines.at(-1), whole = kind === 'footer' && vectors === lines.length - 2;
if (!whole) console.log('the file is cut short');
process.exit(whole && Object.keys(tally).length && Object.values(tally).every((t) => !t.outside) ? 0 : 1);
