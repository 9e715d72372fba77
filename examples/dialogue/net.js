// A network in JavaScript under test, in dialogue: JSON lines on standard input and output. No package is needed.
//
//   backproof smoke --impl-cmd 'node examples/dialogue/net.js'
//   backproof run --impl-cmd 'node examples/dialogue/net.js'
//
// Samples are columns: X is (n_0, m), W[l] is (n_l, n_{l-1}), b[l] is (n_l, 1).
"use strict";

const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const activations = { // the function and its derivative
  identity: [(z) => z, () => 1],
  sigmoid: [sigmoid, (z) => sigmoid(z) * sigmoid(-z)],
  tanh: [Math.tanh, (z) => 1 / Math.cosh(z) ** 2],
  relu: [(z) => Math.max(z, 0), (z) => (z > 0 ? 1 : 0)],
};
const declaration = {
  activations: Object.keys(activations),
  losses: ["half_squared_error"],
  dtypes: ["float64"],
};

// A matrix is an array of rows.
const map = (f, ...M) => M[0].map((row, i) => row.map((_, j) => f(...M.map((matrix) => matrix[i][j]))));
const transposed = (M) => M[0].map((_, j) => M.map((row) => row[j]));
const sum = (numbers) => numbers.reduce((total, x) => total + x, 0);
const times = (M, N) => {
  const columns = transposed(N);
  return M.map((row) => columns.map((column) => sum(row.map((x, k) => x * column[k]))));
};

function run({ X, Y, W, b, activations: names, reduction }) {
  const Z = [], A = [X];
  W.forEach((weights, l) => {
    const product = times(weights, A[l]);
    Z.push(product.map((row, i) => row.map((z) => z + b[l][i][0])));
    A.push(map(activations[names[l]][0], Z[l]));
  });
  const m = Y[0].length;
  const divisor = { sum: 1, batchmean: m, mean: m * Y.length, entrymean: m * Y.length }[reduction];
  const errors = map((a, y) => a - y, A.at(-1), Y);
  const loss = sum(errors.flat().map((e) => (e * e) / 2)) / divisor;

  const delta = [], dW = [], db = [];
  let dA = map((e) => e / divisor, errors);
  for (let l = W.length - 1; l >= 0; l--) {
    delta[l] = map((g, z) => g * activations[names[l]][1](z), dA, Z[l]);
    dW[l] = times(delta[l], transposed(A[l]));
    db[l] = delta[l].map((row) => [sum(row)]);
    dA = times(transposed(W[l]), delta[l]);
  }
  return { loss, Z, A: A.slice(1), delta, dW, db, dX: dA };
}

// JSON has no nan and no infinities: they travel as strings.
const isNumber = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const read = (key, value) => (typeof value === "string" && value in isNumber ? isNumber[value] : value);
const written = (key, value) =>
  typeof value !== "number" || Number.isFinite(value) ? value
    : Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
const say = (answer) => process.stdout.write(JSON.stringify(answer, written) + "\n");

const answers = {
  hello: () => say({ name: "net.js", backproof: 1, declaration }),
  run: ({ id, case: view }) => say({ id, ...run(view) }),
  stop: () => process.exit(0),
};
require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const message = JSON.parse(line, read);
    answers[message.do](message);
  });
