# ∂L/∂Z[1] of reference: mismatch, equation B5 (Error of a hidden layer).
# outside the bound
import torch


def half_squared_error(A, Y):
    return torch.square(A - Y) / 2


def numbers(rows):
    return torch.tensor(rows, dtype=torch.float64)


X = numbers([[0.0]])
Y = numbers([[0.0]])
W1 = numbers([[0.0]])
b1 = numbers([[0.0]])
W2 = numbers([[1.0]])
b2 = numbers([[0.0]])

W1.requires_grad_()
Z1 = W1 @ X + b1
A1 = torch.sigmoid(Z1)
Z2 = W2 @ A1 + b2
A2 = torch.clone(Z2)
loss = half_squared_error(A2, Y).sum()
(computed,) = torch.autograd.grad(loss, Z1)

answered = [[0.11750185610079726]]
exact = [[0.125]]
print("∂L/∂Z[1]")
print("reference answered:", answered)
print("torch computes:", computed.tolist())
print("exact, as nearest float64:", exact)
print("allowed at entry [0, 0] by rounding in this step:", 6.939436005005088e-16)
