"""A network as one writes it while learning: one sample a row, relu in between, softmax at the end."""

from itertools import pairwise

import numpy as np


class NeuralNetwork:
    def __init__(self, sizes, learning_rate=0.1):
        rng = np.random.default_rng(0)
        self.learning_rate = learning_rate
        self.W = [rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out)) for n_in, n_out in pairwise(sizes)]
        self.b = [np.zeros(n_out) for n_out in sizes[1:]]

    def forward(self, X):
        self.outputs = [X]
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            self.outputs.append(np.maximum(self.outputs[-1] @ W + b, 0))
        scores = self.outputs[-1] @ self.W[-1] + self.b[-1]
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.outputs.append(e / e.sum(axis=1, keepdims=True))
        return self.outputs[-1]

    def cross_entropy(self, Y):
        return -np.log(self.outputs[-1][Y == 1]).sum() / len(Y)

    def backward(self, Y):
        delta = (self.outputs[-1] - Y) / len(Y)
        self.dW, self.db = [], []
        for l in reversed(range(len(self.W))):
            self.dW.insert(0, self.outputs[l].T @ delta)
            self.db.insert(0, delta.sum(axis=0))
            delta = (delta @ self.W[l].T) * (self.outputs[l] > 0)

    def step(self):
        for l in range(len(self.W)):
            self.W[l] -= self.learning_rate * self.dW[l]
            self.b[l] -= self.learning_rate * self.db[l]


# ---------------------------------------------------------------- the adapter


class Student(NeuralNetwork):
    def __init__(self, case):
        super().__init__(case.widths)

    def set_parameters(self, W, b):
        self.W, self.b = [w.copy() for w in W], [c.copy() for c in b]  # step changes them in place

    def backward(self, Y):
        super().backward(Y)
        return self.cross_entropy(Y)

    def update(self, learning_rate):
        self.learning_rate = learning_rate
        self.step()


Student.backproof = {"samples": "rows", "weights": "inputs x outputs", "bias": "flat", "labels": "one-hot"}
Student.backproof |= {"hidden": ["relu"], "pairs": [["softmax", "cross_entropy"]], "loss_scale": "/m"}
