"""One step of exact-trace score matching of a d-p-p-d tanh network with Adam.

`autograd` takes the trace as it is usually written, one backward pass for each of the d outputs;
`closed_form` writes the trace by hand, as lodestein does, and leaves the gradient to autograd."""
import peer

torch, threads, quick = peer.start()
batch = 32 if quick else 512


def parameters(d, width):
    shapes = [(width, d), (width,), (width, width), (width,), (d, width), (d,)]
    return [(torch.randn(s) / s[-1] ** 0.5 if len(s) == 2 else torch.zeros(s)).requires_grad_()
            for s in shapes]


def autograd_loss(x, weights):
    w1, b1, w2, b2, w3, b3 = weights
    x = x.requires_grad_()
    s = torch.tanh(torch.tanh(x @ w1.T + b1) @ w2.T + b2) @ w3.T + b3
    trace = sum(torch.autograd.grad(s[:, i].sum(), x, create_graph=True)[0][:, i]
                for i in range(x.shape[1]))
    return (trace + 0.5 * (s * s).sum(1)).mean()


def closed_form_loss(x, weights):
    w1, b1, w2, b2, w3, b3 = weights
    h1 = torch.tanh(x @ w1.T + b1)
    h2 = torch.tanh(h1 @ w2.T + b2)
    s = h2 @ w3.T + b3
    coupling = w2 * (w1 @ w3).T
    trace = ((1 - h2 * h2) * ((1 - h1 * h1) @ coupling.T)).sum(1)
    return (trace + 0.5 * (s * s).sum(1)).mean()


for d, width in ((5, 32), (20, 64), (100, 128)):
    samples = torch.randn(4096, d)
    forms = [("closed_form", closed_form_loss)]
    if d <= 20:  # 100 backward passes of a step take seconds
        forms.append(("autograd", autograd_loss))
    for form, loss in forms:
        weights = parameters(d, width)
        adam = torch.optim.Adam(weights, lr=1e-3)

        def step():
            rows = torch.randint(0, len(samples), (batch,))
            adam.zero_grad()
            loss(samples[rows], weights).backward()
            adam.step()

        peer.report(f"training/exact/d:{d}/p:{width}/batch:{batch}|{form}", threads, 1, step, quick)
