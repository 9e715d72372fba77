def layer(c):
    Z = c.W[0] @ c.X + c.b[0]
    D = (Z.clip(0) - c.Y) * (Z > 0)
    return {"loss": ((Z.clip(0) - c.Y) ** 2).sum() / 2, "dW": [D @ c.X.T], "db": [D.sum(1, keepdims=True)]}


layer.backproof = {"depth": 1, "activations": ["relu"], "losses": ["half_squared_error"], "loss_scale": "sum"}
